"""Whether a track's shipped files are there and whole; needs no torch."""

from fpd_bench.registry import tracks


def verify(track: str, preset: str) -> None:
    """Check a preset's shipped files. Raises AssetError for a missing or foreign one; many tracks ship none."""
    check = tracks.load(track, "verify")
    if check is not None:
        check(preset)
