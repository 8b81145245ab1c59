"""Whether an embedded track's shipped files are there and whole; needs no torch."""

from collections.abc import Callable

from fpd_bench.tracks.digits import files as digits
from fpd_bench.tracks.shapes import files as shapes

VERIFY: dict[str, Callable[[str], None]] = {"shapes": shapes.verify, "digits": digits.verify}


def verify(track: str, preset: str) -> None:
    """Check the files that an embedded track ships; other tracks ship none. Raises AssetError."""
    if track in VERIFY:
        VERIFY[track](preset)
