"""How a step's time and memory grow with batch, sequence, codebook and positions.

    python benchmarks/scaling_curves.py [--out docs/images/scaling.png]

FPD on the paper's track, narrow and with random weights (paper_shaped.py): one of batch, tokens, codes and drift
positions changes, the others stay. CPU time of one thread, the median of three steps; memory is what networks and two
steps add to a process.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import median

import matplotlib
import paper_shaped
import torch
from memory import peak_mb
from side_by_side import measure

from fpd_bench.config.compose import compose
from fpd_bench.distill.trainer import Training
from fpd_bench.models.devices import settle_process

USUAL = {"batch": 16, "tokens": 64, "codes": 256, "positions": 16}
CURVES = {
    "batch": (8, 16, 32, 64),
    "tokens": (16, 64, 256),
    "codes": (64, 256, 1024, 4096),
    "positions": (1, 4, 16, 64),
}
SAID = {"batch": "batch", "tokens": "tokens of an image", "codes": "codes of the codebook", "positions": "positions"}
STEPS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/images/scaling.png"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    sizes = {(kind, value): USUAL | {kind: value} for kind, values in CURVES.items() for value in values}
    memory = {key: step_memory(size) for key, size in sizes.items()}  # before this process keeps what it frees
    settle_process(1)
    found = {kind: [(value, step_seconds(USUAL | {kind: value}), memory[kind, value]) for value in values]
             for kind, values in CURVES.items()}  # fmt: skip
    print("| what | value | ms a step | MB |\n|---|---:|---:|---:|")
    for kind, points in found.items():
        for value, seconds, memory in points:
            print(f"| {SAID[kind]} | {value} | {1000 * seconds:.0f} | {memory:.0f} |")
    draw(found, asked.out)


def step_memory(size: dict[str, int]) -> float:
    """Measure the MB that two steps add to a process."""

    def train() -> None:
        training = begun(size)
        training.advance()
        training.advance()

    return peak_mb(train)


def step_seconds(size: dict[str, int]) -> float:
    """Measure the seconds of a step."""
    return median(measure({"step": begun(size).advance}, STEPS, warm=1).seconds["step"])


def begun(size: dict[str, int]) -> Training:
    """Begin a training of that size."""
    changes = [f"optim.batch={size['batch']}", f"drift.grid={int(size['positions'] ** 0.5)}"]
    with tempfile.TemporaryDirectory(prefix="fpd-scaling-") as folder:
        track = paper_shaped.open_track(Path(folder), grid=int(size["tokens"] ** 0.5), codes=size["codes"], patch=8)
        track.backbone.eval()  # loads it
        return Training(compose([*paper_shaped.SETTINGS, *changes]), track)


def draw(found: dict[str, list[tuple[int, float, float]]], out: Path) -> None:
    """Draw the curves: seconds above, memory below; both axes logarithmic."""
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    columns = len(found)
    figure, axes = plt.subplots(2, columns, figsize=(2.6 * columns, 4.6), squeeze=False, layout="constrained",
                                 sharey="row")  # fmt: skip
    for column, (kind, points) in enumerate(found.items()):
        values = [point[0] for point in points]
        curve(axes[0][column], values, [1000 * point[1] for point in points], "tab:blue")
        curve(axes[1][column], values, [point[2] for point in points], "tab:red")
        axes[1][column].set_xlabel(SAID[kind])
    for row, (low, high) in enumerate(((200, 8000), (200, 3000))):
        axes[row][0].set_ylim(low, high)
    axes[0][0].set_ylabel("ms of CPU a step")
    axes[1][0].set_ylabel("MB of training")
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=90)


def curve(axis, values: list[float], heights: list[float], colour: str) -> None:
    axis.loglog(values, heights, "o-", color=colour)
    axis.set_xticks(values, [f"{value:,.0f}" for value in values])
    ticks = [10**power * step for power in range(5) for step in (1, 2, 5)]
    axis.set_yticks(ticks, [f"{tick:,.0f}" for tick in ticks])
    axis.minorticks_off()
    axis.grid(alpha=0.3)


if __name__ == "__main__":
    main()
