"""Whether a track can read prompts, told before any of it is loaded; needs no torch."""

from collections.abc import Sequence

from fpd_bench.registry import tracks


def check_prompts(track: str, preset: str, texts: Sequence[str]) -> None:
    """Raise ConfigError for a text that the track cannot read; many tracks can say so only once they are open."""
    check = tracks.load(track, "prompts")
    if check is not None:
        check(preset, texts)
