"""What our launcher costs on a real SLURM, beside bare submitit jobs that do the same work on the same cluster.

    python benchmarks/slurm_overhead.py --runs 40
    python benchmarks/slurm_overhead.py --runs 200 --block 20

The work is the tiny track of the tests: load torch, train 30 steps, draw and score 8 images. Ours is a sweep's run,
with its claim, run directory, log, checkpoints, provenance and DONE; the bare job is a function given to submitit that
makes the same calls and keeps nothing. Blocks of both alternate, so that both see the same machine. Needs root and
Debian's packages for a private cluster (tests/slurm/slurm-up), or SLURM_CONF of one that is running.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[1]
PLUGIN = ROOT / "tests" / "plugin"
MINUTES = 30  # time limit of a job, on both sides
GOAL = 1.1


@dataclass
class Side:
    """seconds: of whole blocks, from before sbatch until every end is known; first: sbatch to first step, per run."""

    seconds: float = 0.0
    runs: int = 0
    first: list[float] = field(default_factory=list)
    work: list[float] = field(default_factory=list)  # first step to the end, per run


def main() -> int:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python benchmarks/slurm_overhead.py", description=__doc__, formatter_class=form)
    parser.add_argument("--runs", type=int, default=40, help="runs of each side (default: 40)")
    parser.add_argument("--block", type=int, default=10, help="runs of one array (default: 10)")
    parser.add_argument("--parallel", type=int, default=4, help="jobs at once (default: 4)")
    asked = parser.parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join([str(PLUGIN), str(ROOT)])
    sys.path[:0] = [str(PLUGIN), str(ROOT)]
    with tempfile.TemporaryDirectory(prefix="slurm-overhead-") as name:
        own = _cluster(Path(name)) if "SLURM_CONF" not in os.environ else None
        try:
            ours, bare = measure(Path(name), asked.runs, asked.block, asked.parallel)
        finally:
            if own:
                subprocess.run([ROOT / "tests" / "slurm" / "slurm-down", own], check=False)
    print(table(ours, bare))
    return 0


def _cluster(folder: Path) -> Path:
    state = folder / "slurm"
    os.environ.setdefault("SLURM_LAB_PORT", "16910")  # beside a cluster that the tests may have up
    subprocess.run([ROOT / "tests" / "slurm" / "slurm-up", state], check=True, stdout=subprocess.DEVNULL)
    os.environ["SLURM_CONF"] = str(state / "etc" / "slurm.conf")
    return state


def measure(folder: Path, runs: int, block: int, parallel: int) -> tuple[Side, Side]:
    """Blocks in the order ours, bare, bare, ours, ...: a drift of the machine meets both."""
    import tiny_bench  # noqa: F401  asking for a plugin's version loads it, torch and all, once a sweep: not in block 1
    from tiny_runs import BASE

    from fpd_bench.config.compose import compose

    configs = [compose([*BASE, "execution.checkpoint_every=30", f"seed={seed}"]) for seed in range(runs)]
    ours, bare = Side(), Side()
    for n, begin in enumerate(range(0, runs, block)):
        part = configs[begin : begin + block]
        sides = [lambda: by_us(part, folder, parallel, ours), lambda: by_submitit(part, folder, parallel, bare)]  # noqa: B023
        for work in sides if n % 2 == 0 else sides[::-1]:
            work()
        print(f"{ours.runs} of {runs}: ours {ours.seconds:.0f} s, bare {bare.seconds:.0f} s", file=sys.stderr)
    return ours, bare


def by_us(configs: list[Any], folder: Path, parallel: int, side: Side) -> None:
    """A block through our launcher, followed to its end."""
    from fpd_bench.runs.execute.options import ExecutorOptions
    from fpd_bench.runs.folder.failures import Patience
    from fpd_bench.runs.folder.rundir import RunDir
    from fpd_bench.runs.slurm.follow import run_slurm

    began = time.time()
    runs = [RunDir.create(folder / "results", config) for config in configs]
    executor = ExecutorOptions("slurm", timeout_min=MINUTES, max_parallel=parallel)
    _submitted, ended = run_slurm(runs, folder / "results", executor, lambda outcome: None, Patience(0), False)
    side.seconds += time.time() - began
    if not ended or not all(run.is_done() for run in runs):
        raise SystemExit("A run of ours did not end well; see its events.jsonl.")
    side.runs += len(runs)
    for run in runs:
        times = {event["kind"]: _seconds(event["time"]) for event in reversed(run.events())}
        side.first.append(times["progress"] - began)  # the first event of that kind
        side.work.append(times["finished"] - times["progress"])


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def by_submitit(configs: list[Any], folder: Path, parallel: int, side: Side) -> None:
    """The same block as a user of submitit would write it."""
    import submitit

    began = time.time()
    executor = submitit.AutoExecutor(folder=folder / "bare" / str(side.runs), cluster="slurm")
    executor.update_parameters(timeout_min=MINUTES, cpus_per_task=1, slurm_array_parallelism=parallel)
    ends = [job.result() for job in executor.map_array(work, configs)]
    side.seconds += time.time() - began
    side.runs += len(ends)
    side.first += [first - began for first, _ in ends]
    side.work += [end - first for first, end in ends]


def work(config: Any) -> tuple[float, float]:
    """What a run does, without a run directory: (time of its first step, time of its end)."""
    import torch

    from fpd_bench import registry
    from fpd_bench.distill.trainer import train
    from fpd_bench.runs.perform.suite_images import run_images

    steps: list[float] = []

    class Nowhere:
        def progress(self, step: int, steps_in_all: int) -> None:
            steps.append(time.time())

        def should_stop(self) -> bool:
            return False

        def load(self) -> None:
            return None

        def log(self, row: object) -> None: ...
        def picture(self, step: int, images: object) -> None: ...
        def save(self, step: int, state: object) -> None: ...

    torch.set_num_threads(config.execution.threads)
    track = registry.tracks.get(config.track.name)(config.track.preset)
    weights = train(config, track, Nowhere())
    student = track.new_student()
    student.load_state_dict({name: tensor for name, tensor in weights.items() if not name.startswith("raw.")})
    suite = track.suite(config.evaluation.split)
    for item, _replicate, image in run_images(
        config, track, student.eval(), suite, config.evaluation.images_per_prompt
    ):
        suite.score(image[None], [suite.items[item]])
    return steps[0], time.time()


def table(ours: Side, bare: Side) -> str:
    """Both sides as Markdown."""
    each = [side.seconds / side.runs for side in (ours, bare)]
    ratio = each[0] / each[1]
    rows = [
        ("seconds a run, blocks from sbatch to the last known end", *each),
        ("seconds from sbatch to the first step, fastest run", min(ours.first), min(bare.first)),
        ("seconds from sbatch to the first step, median", median(ours.first), median(bare.first)),
        ("seconds from the first step to the end, median", median(ours.work), median(bare.work)),
    ]
    lines = [f"| {ours.runs} runs each | ours | bare submitit | ratio |", "|---|---|---|---|"]
    lines += [f"| {name} | {mine:.2f} | {other:.2f} | {mine / other:.2f} |" for name, mine, other in rows]
    verdict = "reached" if ratio <= GOAL else "missed"
    return "\n".join(
        [*lines, "", f"Overhead {each[0] - each[1]:.2f} s a run; ratio {ratio:.3f}, goal {GOAL}: {verdict}."]
    )


if __name__ == "__main__":
    sys.exit(main())
