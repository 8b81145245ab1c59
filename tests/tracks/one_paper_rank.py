"""A process of a training on the published layout: python one_paper_rank.py WEIGHTS DATA TABLE OUT. Not a test itself.

Trains every row of sweeps/TABLE.yaml, profile=paper, for a few steps; rank 0 writes {row: what happened} to OUT.
"""

import json
import os
import sys
from pathlib import Path

import torch

from fpd_bench.config.identity import trains
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.distill import parallel, team
from fpd_bench.distill.trainer import Training
from fpd_bench.tracks import pairs
from fpd_bench.tracks.maskgen.track import MaskGenTrack
from fpd_bench.tracks.maskgit.track import MaskGitTrack

STEPS = 4
PAIR_STEPS = 8  # of the teacher's samples: 16 are too many for 16 tokens
SMALL = [
    "profile=paper", "seeds=[0]", f"optim.steps={STEPS}", "optim.batch=4", "execution.device=cpu", "optim.warmup=0",
    "execution.grid_every=0", "plugin.redi.pairs=4", "plugin.redi.rectify_steps=2", "plugin.sdtt.pairs=4",
    "plugin.di4c.pairs=4", "plugin.di4c.latents=2", "plugin.di4c-d.pairs=4", "plugin.di4c-d.latents=2",
    "plugin.soft_dimo.pairs=4",
]  # fmt: skip


def trained(config, track):
    """(losses of the steps, share of the student's tensors that moved, whether all ranks have the same student)."""
    training = Training(config, track)
    before = {name: value.clone() for name, value in training.student.state_dict().items()}
    losses = [training.advance()["loss"] for _ in range(STEPS)]
    after = training.student.state_dict()
    moved = sum(not torch.equal(after[name], before[name]) for name in before) / len(before)
    mine = torch.tensor([value.double().sum() for value in after.values() if value.is_floating_point()])
    everyone = [torch.empty_like(mine) for _ in range(parallel.ranks())]
    torch.distributed.all_gather(everyone, mine)
    return losses, moved, all(torch.equal(one, mine) for one in everyone)


def main():
    weights, data, table, out = map(Path, sys.argv[1:])
    torch.set_num_threads(1)
    pairs.teacher_pairs.__defaults__ = (PAIR_STEPS, None)
    track = {"table1": MaskGenTrack, "table2": MaskGitTrack}[table.name](weights=weights, data=data)
    team.join("cpu", int(os.environ["WORLD_SIZE"]))
    cells = [cell for cell in load_sweep(f"sweeps/{table}.yaml", SMALL).cells if trains(cell.config)]
    found = {cell.row_id: trained(cell.config, track) for cell in cells}
    if parallel.rank() == 0:
        out.write_text(json.dumps(found))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
