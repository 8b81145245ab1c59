"""How much of a student's gradient is signal? No training; many draws of one batch (docs/dynamics.md, finding 8).

For fixed prompts and z_init the drafts and repairs are drawn again and again. Signal is the squared mean of the
gradient on the student's logits, noise its variance; cos compares the mean of the straight-through gradient (Eq. 8)
with that of soft embeddings, which is the gradient of the same loss at the mixture itself.

  python benchmarks/gradient_noise.py [--draws 12]
"""

import argparse

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from fpd_bench.config.compose import compose
from fpd_bench.config.schema import RunConfig
from fpd_bench.distill.fpd import FixedPointDistillation
from fpd_bench.models.streams import Streams
from fpd_bench.tracks.shapes.track import ShapesTrack

VARIANTS = {
    "defaults": [],
    "bandwidths .05, .2, .5": ["drift.bandwidths=[0.05,0.2,0.5]"],
    "bandwidths 2, 4, 8": ["drift.bandwidths=[2,4,8]"],
    "4 drafts a prompt": ["optim.samples_per_condition=4"],
    "8 drafts a prompt": ["optim.samples_per_condition=8"],
    "64 drafts of one prompt": ["optim.samples_per_condition=64"],
    "own repair only, no repulsion": ["drift.positives=own", "drift.repulsion=0"],
    "all repairs, no repulsion": ["drift.repulsion=0"],
    "negatives without self": ["drift.negatives=self_masked"],
    "plain row softmax": ["drift.normalise=row_only"],
    "pixels": ["drift.space=pixel", "drift.blocks=[]"],
    "two shallow layers": ["drift.blocks=[0,1]"],
    "two deep layers": ["drift.blocks=[2,3]"],
    "pooled": ["drift.grid=0"],
    "temperature 1": ["start.temperature=1"],
    "temperature .1": ["start.temperature=0.1"],
}


class Fixed(torch.nn.Module):
    """A student that always gives the same logits [B, L, K] and collects their gradient."""

    def __init__(self, logits: Tensor):
        super().__init__()
        self.logits = torch.nn.Parameter(logits)

    def forward(self, start: Tensor, condition: object) -> Tensor:
        return self.logits


def gradients(config: RunConfig, track: ShapesTrack, draws: int) -> Tensor:
    """[draws, B L K] of FPD for one batch, at the teacher's own one-step logits."""
    streams = Streams(seed=100)
    per_prompt = config.optim.samples_per_condition
    condition = track.draw_conditions(config.optim.batch // per_prompt, streams["conditions"]).repeat(per_prompt)
    method = FixedPointDistillation(config, track, streams)
    masked = torch.full((len(condition), track.n_tokens), track.n_codes)
    with torch.no_grad():
        student = Fixed(track.teacher(masked, condition))
    found = []
    for _ in range(draws):
        student.zero_grad()
        method.backward(student, condition, 0.0)
        assert student.logits.grad is not None
        found.append(student.logits.grad.flatten().clone())
    return torch.stack(found)


def signal_to_noise(draws: Tensor) -> float:
    """Squared mean over variance of gradients [n, D], the mean's own noise taken out."""
    n, mean = len(draws), draws.mean(0)
    noise = float((draws - mean).square().sum() / (n - 1))
    return (float(mean.square().sum()) - noise / n) / noise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=12, help="of drafts and repairs (default: 12)")
    draws = parser.parse_args().draws
    torch.set_num_threads(1)
    track = ShapesTrack()
    table = Table("change", "soft, signal / noise", "STE, signal / noise", "cos of the means")
    for name, overrides in VARIANTS.items():
        both = [gradients(compose([*overrides, f"estimator={e}"]), track, draws) for e in ("soft", "ste")]
        cos = torch.cosine_similarity(both[0].mean(0), both[1].mean(0), dim=0)
        table.add_row(name, *(f"{signal_to_noise(found):.2f}" for found in both), f"{cos:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
