"""Where the time of a training step goes: seconds per phase for FPD's variants and Di[M]O on the shapes track.

    python benchmarks/step_phases.py [--steps 12] [--threads 1] [--preset default] [key=value ...]

The first two steps of each variant are left out; a number is the median of the others, in milliseconds. Every number
comes from the `seconds/...` columns of the training log, which every run writes.
"""

import argparse
from statistics import median
from typing import Any

import torch

from fpd_bench.config.check import check
from fpd_bench.config.compose import compose
from fpd_bench.distill.trainer import Training
from fpd_bench.registry import tracks

VARIANTS = {
    "fpd ste": [],
    "fpd soft": ["estimator=soft"],
    "fpd ste, gan": ["gan.weight=0.1"],
    "fpd ste, pixels": ["drift.space=pixel", "drift.blocks=[]"],
    "dimo": ["method=dimo"],
}
PHASES = ("draft", "refine", "target", "drift", "discriminator", "auxiliary", "backward", "step")
COLD = 2  # first steps, in which kernels are chosen and memory is claimed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="for every variant")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--preset", default="default")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    track = tracks.get("shapes")(asked.preset)
    print(f"ms per step and phase; preset {asked.preset}, {asked.threads} thread(s), median of {asked.steps} steps\n")
    print("| variant | " + " | ".join(PHASES) + " |\n|---|" + "---:|" * len(PHASES))
    for name, overrides in VARIANTS.items():
        rows = measure([f"track.preset={asked.preset}", *overrides, *asked.overrides], track, asked.steps)
        print(f"| {name} | " + " | ".join(cell(rows, phase) for phase in PHASES) + " |", flush=True)


def measure(overrides: list[str], track: Any, steps: int) -> list[dict[str, float]]:
    """The rows that training logs, without the cold ones."""
    config = compose(overrides)
    check(config)
    training = Training(config, track)
    return [training.advance() for _ in range(steps + COLD)][COLD:]


def cell(rows: list[dict[str, float]], phase: str) -> str:
    key = f"seconds/{phase}"
    return f"{1000 * median(row[key] for row in rows):.1f}" if key in rows[0] else ""


if __name__ == "__main__":
    main()
