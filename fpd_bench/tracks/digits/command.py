"""`python -m fpd_bench.tracks build digits`: classifier, tokenizer and teacher of a preset."""

from pathlib import Path

from fpd_bench.tracks.building import Progress
from fpd_bench.tracks.digits import build as recipes
from fpd_bench.tracks.digits import files


def build(part: str, preset: str, work: Path, out: Path | None, steps: int | None, progress: Progress) -> Path:
    """Train all three networks, with checkpoints in `work`; return what was written to `out`."""
    chosen = recipes.RECIPES[preset]
    return recipes.build(preset, work, out or files.FOLDER, chosen.with_steps(steps) if steps else chosen, progress)
