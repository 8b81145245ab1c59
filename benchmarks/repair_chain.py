"""Is there a good fixed point to distil, and does a student still hear of it? Repeat damage and repair, train nothing.

Prints GenEval Overall on validation prompts of one-step drafts and after 1, 3 and 10 repairs, for several damage
ratios: of the teacher's drafts, with and without random codes in z_init, or of a trained student's
(docs/dynamics.md, findings 2 and 9).

  python benchmarks/repair_chain.py [--guidance 1] [--temperature 1]
  python benchmarks/repair_chain.py --run 3f9c --temperature 0.3
"""

import argparse
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from fpd_bench.bench import Condition, Suite
from fpd_bench.config.schema import RefineConfig, StartConfig
from fpd_bench.distill.drafting import draft_codes, draft_logits, draw_noise, draw_start
from fpd_bench.distill.refinement import refine
from fpd_bench.runs.folder.rundir import find_run
from fpd_bench.runs.perform.prompt_sheet import open_student
from fpd_bench.runs.perform.suite_images import to_pixels
from fpd_bench.tracks.shapes.track import ShapesTrack

RATIOS = ((0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9), (0.1, 0.6))
AFTER = (0, 1, 3, 10)


def overall(track: ShapesTrack, suite: Suite, codes: torch.Tensor) -> float:
    """Mean of the task means, one image per prompt."""
    tasks: dict[str, list[float]] = {}
    for record in suite.score(to_pixels(track, codes, suite.condition), list(suite.items)):
        tasks.setdefault(record["task"], []).append(record["score"])
    return sum(sum(scores) / len(scores) for scores in tasks.values()) / len(tasks)


@torch.no_grad()
def draft(
    track: ShapesTrack, condition: Condition, drafter: torch.nn.Module, start: StartConfig, generator: torch.Generator
) -> torch.Tensor:
    """Codes [B, L] by one call of `drafter`, as every field of `start` says."""
    begin = draw_start(len(condition), track, start, generator)
    logits = draft_logits(drafter, begin, condition, start)
    return draft_codes(logits, draw_noise(len(condition), track, start, generator), start)


@torch.no_grad()
def chain(
    track: ShapesTrack, suite: Suite, drafter: torch.nn.Module, start: StartConfig, config: RefineConfig
) -> list[float]:
    """Overall after each number of repairs in AFTER, from one-step drafts of `drafter`."""
    generator = torch.Generator().manual_seed(0)
    codes = draft(track, suite.condition, drafter, start, generator)
    scores = []
    for repairs in range(max(AFTER) + 1):
        if repairs:
            codes = refine(track, codes, suite.condition, config, generator).codes
        if repairs in AFTER:
            scores.append(overall(track, suite, codes))
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--guidance", type=float, default=1.0)
    parser.add_argument("--temperature", type=float, default=1.0, help="of the repair (default: 1)")
    parser.add_argument("--run", help="the beginning of a run id: its student's drafts, with its own start")
    parser.add_argument("--results", type=Path, default=Path("results"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.run:
        source = open_student(find_run(options.results, options.run))
        if source.student is None:
            parser.error(f"--run {options.run}: method={source.config.method} trains no student.")
        track, drafter, starts = source.track, source.student, [source.config.start]
    else:
        track = ShapesTrack()
        drafter = track.teacher  # the draws behind the numbers in docs/dynamics.md
        starts = [StartConfig(r_init=r_init, temperature=1.0, sampling="gumbel") for r_init in (0.9, 1.0)]
    suite = track.suite("validation")
    table = Table(title=f"Repair alone: guidance {options.guidance:g}, temperature {options.temperature:g}")
    for name in ("r_init", "r", *(f"{n} repairs" for n in AFTER)):
        table.add_column(name)
    for start in starts:
        for low, high in RATIOS:
            config = RefineConfig("uniform", low, high, options.guidance, options.temperature)
            scores = chain(track, suite, drafter, start, config)
            table.add_row(f"{start.r_init:g}", f"{low:g}-{high:g}", *(f"{score:.2f}" for score in scores))
    Console().print(table)


if __name__ == "__main__":
    main()
