"""Real run directories in the agreed layout, filled with simulated scores, pictures and logs, without any training."""

import hashlib
import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import yaml

from fpd_bench.config.schema import RunConfig

TASKS = ("single_object", "two_object", "counting", "colors", "position", "color_attr")
COLOURS = ("red", "green", "blue", "orange", "purple", "black")


def prompts(per_task=10):
    """[(item id, task, prompt)] of a small suite."""
    return [
        (f"{task}-{i:03d}", task, f"a photo of {COLOURS[(i + t) % 6]} {task.replace('_', ' ')} {i}")
        for t, task in enumerate(TASKS)
        for i in range(per_task)
    ]


def write_run(
    results, run_id, config=None, *, skill=0.5, end="done", suite="test", per_task=10, images=4, size=24, steps=300
):
    """Write results/runs/<run_id> and return it.

    skill: mean probability of a correct image; prompts and noise are shared by all runs, as in the real harness.
    end: done | diverged | failed | interrupted | running | planned.
    """
    config = config or RunConfig()
    folder = Path(results) / "runs" / run_id
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("attempts", "eval", "samples", "pictures"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(asdict(config)))
    identity = {"run_id": run_id, "config_schema": 1, "semantic": {}, "plugins": {}, "created": "2026-11-24T09:00:00Z"}
    (folder / "run.json").write_text(json.dumps(identity))
    if end == "planned":
        return folder
    (folder / "attempts" / "1.json").write_text(json.dumps({"host": "node7", "git": {"sha": "abc"}}))
    _write_events(folder, end, steps)
    _write_training(folder, config.seed, steps)
    if end == "done":
        _write_results(folder, suite, per_task, images, size, skill, config.seed)
    if end in ("done", "diverged"):
        finish(folder, end)
    return folder


def finish(folder, status="done"):
    """Write DONE, vouching for the files as they are now."""
    vouched = [p for part in ("eval", "samples") for p in sorted((folder / part).iterdir())]
    files = {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in vouched}
    done = {"run_id": folder.name, "status": status, "finished": "2026-11-24T10:00:00Z", "files": files}
    (folder / "DONE").write_text(json.dumps(done))


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def _write_events(folder, end, steps):
    events = [{"kind": "attempt_started"}, {"kind": "stage_started", "stage": "train"}]
    if end == "done":
        events += [{"kind": "stage_finished", "stage": s, "seconds": 10.5} for s in ("train", "sample", "evaluate")]
        events += [{"kind": "finished"}]
    if end == "diverged":
        events += [{"kind": "diverged", "step": steps // 2}]
    if end == "failed":
        failure = {"failure_class": "out_of_memory", "message": "tried 3 GiB", "traceback": "Traceback ..."}
        events += [{"kind": "failed"} | failure]
    if end == "interrupted":
        events += [{"kind": "interrupted", "step": 40}]
    stamped = [{"seq": n, "attempt": 1, "time": f"2026-11-24T09:00:{n:02d}Z"} | e for n, e in enumerate(events)]
    write_lines(folder / "events.jsonl", stamped)


def _write_training(folder, seed, steps):
    rng = np.random.default_rng(seed)
    rows = []
    for step in range(1, steps + 1):
        decay = float(np.exp(-step / 80) + 0.02 * rng.normal())
        logged = {"loss": 2 + decay, "entropy": 1.5 * decay + 0.4, "agreement": 0.8 - 0.5 * decay}
        logged |= {f"stage{n}/rms_0.05": 0.1 + n * decay for n in (1, 2)}
        rows.append({"step": step, "time": step * 0.1} | logged)
    write_lines(folder / "train.jsonl", rows)


def _write_results(folder, suite, per_task, images, size, skill, seed):
    suite_items = prompts(per_task)
    world = np.random.default_rng(0)  # prompts' difficulty is the same for every run
    difficulty = world.uniform(-0.2, 0.2, size=len(suite_items))
    noise = np.random.default_rng([1, seed]).uniform(size=(len(suite_items), images))
    colours = np.random.default_rng([2, seed]).integers(40, 255, size=(len(suite_items), images, 3))
    rows, pictures = [], np.full((len(suite_items), images, size, size, 3), 235, dtype=np.uint8)
    for i, (item, task, prompt) in enumerate(suite_items):
        for replicate in range(images):
            right = noise[i, replicate] < skill + difficulty[i]
            detail = {"reason": "" if right else "expected another colour", "confidence": float("nan")}
            row = {"item": item, "replicate": replicate, "task": task, "prompt": prompt, "score": float(right)}
            rows.append(row | {"detail": detail})
            low = 4 + i % 5
            pictures[i, replicate, low : low + 12, 6:18] = colours[i, replicate] if right else 128
    write_lines(folder / "eval" / f"{suite}.jsonl", rows)
    np.savez_compressed(folder / "samples" / f"{suite}.npz", images=pictures)
