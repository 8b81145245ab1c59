"""A process of a data-parallel test: python one_rank.py ASSETS OUT PROCESSES CASES. Not a test itself.

For every case (overrides of the small configuration) it makes one training's gradient; rank 0 writes them to OUT.
"""

import json
import os
import sys
from pathlib import Path

import torch

from fpd_bench.config.compose import compose
from fpd_bench.distill import parallel, team
from fpd_bench.distill.trainer import Training
from fpd_bench.tracks.shapes.track import ShapesTrack

SMALL = [
    "track.preset=coarse", "optim.steps=3", "optim.batch=16", "optim.warmup=0", "drift.blocks=[1,2]",
    "execution.grid_every=0",
    # not the defaults, which follow the newest exploration: the bounds of the test were measured with these
    "start.r_init=0.9", "start.temperature=0.15", "refine.ratio=uniform", "refine.guidance=0.5",
    "refine.temperature=0.1", "drift.bandwidths=[0.05,0.2,0.5]", "optim.lr=5e-5",
]  # fmt: skip


def gradients(track, overrides):
    """(gradient of the student's first step, what is logged of two steps, adversary's or auxiliary's weights)."""
    training = Training(compose([*SMALL, *overrides]), track)
    kept = {}
    step = training.optimizer.step

    def keep_then_step():
        kept.setdefault(
            "gradient", torch.cat([p.grad.flatten() for p in training.student.parameters() if p.grad is not None])
        )
        step()

    training.config.optim.clip = 0.0
    training.optimizer.step = keep_then_step
    rows = [training.advance() for _ in range(2)]
    kept["loss"] = torch.tensor([row["loss"] for row in rows])
    kept |= {f"student.{name}": value for name, value in training.student.state_dict().items()}
    state = training.method.state_dict()
    trained = state.get("network") or state.get("adversary", {}).get("heads", {})
    return kept | {f"other.{name}": value for name, value in trained.items()}


def main():
    folder, out, processes, cases = sys.argv[1:]
    torch.set_num_threads(1)
    track = ShapesTrack("coarse", Path(folder))
    team.join("cpu", int(processes))
    assert parallel.ranks() == int(processes) and parallel.rank() == int(os.environ["LOCAL_RANK"])
    found = [gradients(track, case) for case in json.loads(cases)]
    x = torch.full((2, 3), float(parallel.rank() + 1), requires_grad=True)
    (parallel.gather(x) * torch.arange(12.0).view(4, 3)).sum().backward()
    if parallel.rank() == 0:
        torch.save({"cases": found, "gathered": x.grad}, out)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
