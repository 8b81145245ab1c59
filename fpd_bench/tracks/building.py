"""`python -m fpd_bench.tracks build`: the recipes of the tracks that are trained from nothing, behind one door."""

from collections.abc import Callable
from pathlib import Path

from fpd_bench.config.tracks import track_sizes, tracks_that
from fpd_bench.errors import UnknownName
from fpd_bench.registry import tracks

Progress = Callable[[str, int, int, float], None]  # (network, step, steps, loss)


def check_build(track: str, preset: str, part: str) -> str:
    """Check names before torch is imported, and give the part to build: the track's first if `part` is empty.

    Raises UnknownName for a track without a recipe, a preset or a part.
    """
    if track not in tracks.known() or not tracks.declaration(track).build:
        raise UnknownName("track that can be built", track, tracks_that("build"))
    track_sizes(track, preset)
    known_parts: tuple[str, ...] = tracks.declaration(track).buildable
    if part and part not in known_parts:
        raise UnknownName(f"part of track {track}", part, known_parts)
    return part or known_parts[0]


def build(
    track: str, preset: str, work: Path, out: Path | None, steps: int | None, progress: Progress, part: str
) -> Path:
    """Train what the preset needs, with checkpoints in `work`, and write its assets; return what was written.

    out: None = the package's own folder. steps: of each network; None = the recipe's.
    """
    written: Path = tracks.load(track, "build")(part, preset, work, out, steps, progress)
    return written
