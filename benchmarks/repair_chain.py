"""Is there a good fixed point to distil? Repeat damage and repair without any student (docs/dynamics.md, finding 2).

Starts from the teacher's one-step drafts and prints GenEval Overall on validation prompts after 1, 3, 10 and 30
repairs, for several damage ratios and for z_init with and without random codes.

  python benchmarks/repair_chain.py [--guidance 1] [--temperature 1]
"""

import argparse

import torch
from rich.console import Console
from rich.table import Table

from fpd_bench.config.schema import RefineConfig
from fpd_bench.distill.masking import start_tokens
from fpd_bench.distill.refinement import refine
from fpd_bench.evals.sampling import to_pixels
from fpd_bench.models.sampling import categorical
from fpd_bench.tracks.base import Suite
from fpd_bench.tracks.shapes.track import ShapesTrack

RATIOS = ((0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9), (0.1, 0.6))
AFTER = (1, 3, 10, 30)


def overall(track: ShapesTrack, suite: Suite, codes: torch.Tensor) -> float:
    """Mean of the task means, one image per prompt."""
    tasks: dict[str, list[float]] = {}
    for record in suite.score(to_pixels(track, codes, suite.condition), list(suite.items)):
        tasks.setdefault(record["task"], []).append(record["score"])
    return sum(sum(scores) / len(scores) for scores in tasks.values()) / len(tasks)


@torch.no_grad()
def chain(track: ShapesTrack, suite: Suite, r_init: float, config: RefineConfig) -> list[float]:
    """Overall after each number of repairs in AFTER."""
    generator = torch.Generator().manual_seed(0)
    start = start_tokens(len(suite.items), track.n_tokens, track.n_codes, r_init, generator)
    codes = categorical(track.teacher(start, suite.condition), generator)
    scores = []
    for step in range(1, max(AFTER) + 1):
        codes = refine(track, codes, suite.condition, config, generator).codes
        if step in AFTER:
            scores.append(overall(track, suite, codes))
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--guidance", type=float, default=1.0)
    parser.add_argument("--temperature", type=float, default=1.0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    track = ShapesTrack()
    suite = track.suite("validation")
    table = Table(title=f"Repair alone: guidance {options.guidance:g}, temperature {options.temperature:g}")
    for name in ("r_init", "r", *(f"{n} repairs" for n in AFTER)):
        table.add_column(name)
    for r_init in (0.9, 1.0):
        for low, high in RATIOS:
            config = RefineConfig(low=low, high=high, guidance=options.guidance, temperature=options.temperature)
            scores = chain(track, suite, r_init, config)
            table.add_row(f"{r_init:g}", f"{low:g}-{high:g}", *(f"{score:.2f}" for score in scores))
    Console().print(table)


if __name__ == "__main__":
    main()
