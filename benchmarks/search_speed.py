"""Claim (docs/search.md): with 2,000 trials in the index, the next one is asked for in less than 2 seconds.

    python benchmarks/search_speed.py [TRIALS]

Writes that many finished runs (their answers are random) and the teacher's, ingests them, and asks each sampler for a
trial: those of any number of trials after all of them, the others after as many as they take.
"""

import json
import random
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import yaml

from fpd_bench.config.identity import run_id
from fpd_bench.config.searches.search_probe import drawn
from fpd_bench.config.searches.search_spec import load_search
from fpd_bench.records.layout import sha256
from fpd_bench.searching.samplers import MOST
from fpd_bench.searching.study import next_params
from fpd_bench.searching.study_look import look
from fpd_bench.searching.variety import reference

FILE = Path("sweeps/search_lambda_bandwidths.yaml")
LIMIT_S = 2.0


def write_trials(search, results, trials):
    """Finished runs of random configurations of the space."""
    rng = random.Random(0)
    teacher = reference(search).cells[0].config
    for n in range(trials + 1):
        config = search.config(drawn(search.space, search.base, rng), search.seeds[0]) if n else teacher
        name = run_id(config)
        folder = results / "runs" / name
        (folder / "eval").mkdir(parents=True, exist_ok=True)
        (folder / "config.yaml").write_text(yaml.safe_dump(asdict(config)))
        created = f"2026-11-28T00:{n // 60 % 60:02d}:{n % 60:02d}.{n % 1000:03d}Z"
        (folder / "run.json").write_text(json.dumps({"run_id": name, "config_schema": 2, "created": created}))
        rows = [
            {"item": f"{item}", "replicate": 0, "task": ("a", "b")[item % 2], "prompt": "p", "score": rng.random()}
            for item in range(8)
        ]
        rows.append({"metric": "differ", "value": 0.3 + 0.2 * rng.random(), "n": 8, "protocol": {"measure": "tokens"}})
        path = folder / "eval" / "geneval-validation.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        files = {"eval/geneval-validation.jsonl": sha256(path)}
        (folder / "DONE").write_text(
            json.dumps({"run_id": name, "status": "done", "finished": created, "files": files})
        )


def main():
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    words = [f"search.trials={trials + 10}"]
    slow = []
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder)
        write_trials(load_search(FILE, words), results, trials)
        url = f"sqlite:///{results}/index.sqlite"
        with look(load_search(FILE, words), results, url) as seen:
            print(f"{len(seen.trials)} trials")
        for sampler in ("tpe", "random", "auto", "gp", "cmaes", "nsga2"):
            most = MOST.get(sampler, trials)
            search = load_search(FILE, [*words, f"search.sampler={sampler}"])
            with look(search, results, url) as seen:  # torch and the index are warm
                next_params(search, seen.trials[:20], seen.board)
            began, used = time.perf_counter(), time.process_time()
            with look(search, results, url) as seen:
                looked = time.perf_counter() - began
                next_params(search, seen.trials[:most], seen.board)
            took, cpu = time.perf_counter() - began, time.process_time() - used
            print(f"{sampler:7} {most:5} trials {took:6.2f} s, of which the look {looked:.2f} s; {cpu:.2f} s of CPU")
            slow += [sampler] if most == trials and cpu > LIMIT_S else []
    if slow:
        sys.exit(f"slower than {LIMIT_S} s: {', '.join(slow)}")


if __name__ == "__main__":
    main()
