"""What a table could have seen, in words: a frame beside its claims, and a note on its noise."""

import math

import pandas as pd

from fpd_bench import metrics
from fpd_bench.evals.statistics.power import MOST_SEEDS
from fpd_bench.reporting.model import ClaimResult, Floor, Outlook, TableResult
from fpd_bench.reporting.number_words import NONE, claim_text, estimate_text, p_text


def outlook_frame(table: TableResult) -> pd.DataFrame:
    """Make a line for each claim that has been tested; columns without any entry are left out."""
    rows = [_line(claim, claim.outlook) for claim in table.claims if claim.outlook]
    frame = pd.DataFrame(rows, dtype=object)
    return frame[[name for name in frame.columns if (frame[name] != NONE).any()]]


def _line(claim: ClaimResult, outlook: Outlook) -> dict[str, str]:
    seeds = len(claim.ours.per_seed) if claim.ours else 0
    worth = outlook.worth
    return {
        "Claim": claim_text(claim),
        "Seeds that agree": f"{outlook.wins} of {seeds}",
        "P(a new seed agrees)": estimate_text(outlook.new_seed, places=2) if outlook.new_seed else NONE,
        "Seeds for 80% power, published Δ": _seeds(outlook.at_published),
        "Seeds for 80% power, our Δ": _seeds(outlook.at_observed),
        "Published Δ as single runs: p": p_text(worth.p if worth else None),
        "least Δ for p < 0.05": f"{worth.least:.2f}" if worth else NONE,
    }


def _seeds(number: float) -> str:
    if math.isnan(number):
        return NONE
    return f"more than {MOST_SEEDS}" if math.isinf(number) else f"{number:.0f}"


def outlook_notes(table: TableResult) -> list[str]:
    """Say how much noise the table has and what it could have decided; how to read `outlook_frame`."""
    places = metrics.get_or_plain(table.metric).digits
    said = [_noise(table.floor, places)] if table.floor and table.floor.seed_sd is not None else []
    if any(claim.outlook for claim in table.claims):
        said.append(
            "P(a new seed agrees): probability that the better row also wins with one more seed, on the same "
            "prompts, with its 95% interval. Seeds for 80% power: how many seeds would decide an open claim "
            "in 80% of cases, if the true difference is the published one, or ours. Published Δ as single "
            "runs: the p that the published difference would have, and the smallest difference with p < 0.05, "
            "if the paper made one run of each row and its runs vary over seeds as ours do."
        )
    return said


def _noise(floor: Floor, places: int) -> str:
    """Say how large the noise is, and what it lets the table decide."""
    text = f"Noise: the scores of a row's runs have a standard deviation (SD) of {floor.seed_sd:.{places}f} over seeds"
    if floor.sampling_sd is not None:
        text += f", and of {floor.sampling_sd:.{places}f} if only the images of a run are drawn again"
    text += " (the same seed gives the same numbers on one kind of machine)."
    if floor.observable is None:
        return text
    family = f"{floor.claims} claims" if floor.claims > 1 else "one comparison"
    return (
        f"{text} With {floor.seeds} seeds and {family} the table decides observed differences of "
        f"{floor.observable:.{places}f} or more, and finds true differences of {floor.detectable:.{places}f} "
        "in 80% of cases."
    )
