"""Colour, line style and marker of the n-th line of a figure: no two lines look alike, in colour or in grey."""

from typing import Any

import seaborn as sns

COLOURS = sns.color_palette("colorblind", 10)
DASHES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))
MARKERS = "osD^vP*X<>h"


def line_style(number: int) -> dict[str, Any]:
    """Give the keywords of matplotlib's plot. Pairs of colour and dashes repeat after 50 lines, with markers after
    550."""
    dashes = DASHES[(number + number // 10) % len(DASHES)]
    return {
        "color": COLOURS[number % len(COLOURS)],
        "linestyle": dashes,
        "marker": MARKERS[number % len(MARKERS)],
    }
