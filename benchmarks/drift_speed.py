"""Time and memory of the drift field against a plain broadcast implementation, and against its distances alone.

    python benchmarks/drift_speed.py [--largest 512]

B drafts and B repaired ones of F positions and D = 768 dimensions, three bandwidths, one thread, CPU time. The plain
implementation writes Eq. 6-7 as it reads: differences [B, B, D] of all pairs, a position at a time. It is measured up
to B = 128. The limit is the two products X X' and X Y' that any implementation by matrix products has to compute.
"""

import argparse

import torch
from memory import peak_mb
from side_by_side import Row, measure, milliseconds, report

from fpd_bench.config.schema import DriftConfig
from fpd_bench.distill.drift import drift_field
from fpd_bench.models.devices import settle_process

DIMS, WIDTHS, REPEATS = 768, [0.02, 0.05, 0.2], 3
PLAIN_UP_TO = 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--largest", type=int, default=512, help="batch (default: 512)")
    asked = parser.parse_args()
    settle_process(1)
    drift = DriftConfig(bandwidths=WIDTHS)
    for positions in (16, 64):
        for batch in (32, 64, 128, 256, 512):
            if batch <= asked.largest and (positions == 16 or batch <= 256):
                compare(batch, positions, drift)


def compare(batch: int, positions: int, drift: DriftConfig) -> None:
    """Report one size."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(batch, positions, DIMS, generator=draw)
    y = x + 0.3 * torch.randn(batch, positions, DIMS, generator=draw)
    sides = {"ours": lambda: drift_field(x, y, drift), "limit": lambda: products(x, y)}
    times = measure(sides, REPEATS)
    what = f"drift field, B={batch}, F={positions}"
    rows = [row(what, "its two distance products", times, "ours", "limit", "<= 4")]
    if batch <= PLAIN_UP_TO:
        both = measure({"ours": sides["ours"], "plain": lambda: plain(x, y)}, 1, warm=0 if batch > 64 else 1)
        goal = batch == 128
        rows.append(row(what, "plain broadcast", both, "plain", "ours", ">= 20" if goal else ""))
        mine, theirs = (
            peak_mb(sides["ours"]),
            peak_mb(lambda: whole_distances(x, y) if positions == 16 else plain(x, y)),
        )
        note = "broadcast over all positions" if positions == 16 else "plain broadcast, a position at a time"
        rows.append(
            Row(f"{what}, peak memory", note, f"{mine:.0f} MB", f"{theirs:.0f} MB", mine / theirs, 1, 0.0,
                "<= 0.125" if goal and positions == 16 else "")
        )  # fmt: skip
    report(*rows)


def row(what, against, times, over, under, goal):
    other = under if over == "ours" else over
    return Row(what, against, milliseconds(times["ours"]), milliseconds(times[other]), times.ratio(over, under),
               len(times.seconds["ours"]), times.spread(over, under), goal)  # fmt: skip


def products(x, y):
    """The inner products that all distances come from: [F, B, B] twice."""
    a, b = x.transpose(0, 1), y.transpose(0, 1)
    return a @ a.mT, a @ b.mT


def whole_distances(x, y):
    """Distances of all pairs at all positions, by broadcasting: what a plain implementation holds at least."""
    for other in (x, y):
        (x[:, None] - other[None]).square_().sum(-1)


def plain(x, y):
    """Eq. 6-7 with joint weights, by differences of all pairs; returns the gradient [B, F, D]."""
    batch, positions, dims = x.shape
    to_x = torch.stack([(x[:, None, f] - x[None, :, f]).square().sum(-1).sqrt() for f in range(positions)])
    to_y = torch.stack([(x[:, None, f] - y[None, :, f]).square().sum(-1).sqrt() for f in range(positions)])
    unit = (to_x.mean() + to_y.mean()) / 2
    fields = []
    for width in WIDTHS:
        logits = -torch.cat([to_x, to_y], -1) / unit / width
        weight = (logits.softmax(-1) * logits.softmax(-2)).sqrt()
        repel, attract = weight.split(batch, -1)
        repel, attract = repel * attract.sum(-1, keepdim=True), attract * repel.sum(-1, keepdim=True)
        field = torch.stack(
            [
                (attract[f, :, :, None] * (y[None, :, f] - x[:, None, f])).sum(1)
                - (repel[f, :, :, None] * (x[None, :, f] - x[:, None, f])).sum(1)
                for f in range(positions)
            ],
            1,
        )
        fields.append(field / field.square().mean().sqrt().clamp_min(1e-12))
    return -2 * sum(fields) / (batch * positions * dims)


if __name__ == "__main__":
    main()
