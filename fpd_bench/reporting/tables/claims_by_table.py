"""One claim asked in several tables of a sweep, such as one table for each world: where does it hold?"""

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from fpd_bench import metrics
from fpd_bench.reporting.model import ClaimResult, TableResult
from fpd_bench.reporting.number_words import NONE, claim_text, estimate_text

TITLE = "Claims by table"


def claims_by_table(tables: Sequence[TableResult]) -> pd.DataFrame:
    """Make a line for each claim that at least two of the tables ask, in the same words, and a column for each table.

    A cell holds the verdict and our difference with its interval. No line, no columns, if no claim is asked twice.
    """
    asked = Counter(claim_text(claim) for table in tables for claim in table.claims)
    shared = [text for text, times in asked.items() if times > 1]
    columns = {table.caption: {claim_text(claim): claim for claim in table.claims} for table in tables}
    lines = [
        {"Claim": text, "Published Δ": _published([claims.get(text) for claims in columns.values()], tables[0])}
        | {caption: _cell(claims.get(text), tables[0]) for caption, claims in columns.items() if claims}
        for text in shared
    ]
    return pd.DataFrame(lines, dtype=object)


def _published(claims: Sequence[ClaimResult | None], table: TableResult) -> str:
    values = [claim.published for claim in claims if claim and claim.published is not None]
    return f"{values[0]:+.{metrics.get_or_plain(table.metric).published_digits}f}" if values else NONE


def _cell(claim: ClaimResult | None, table: TableResult) -> str:
    if claim is None:
        return NONE
    places = metrics.get_or_plain(table.metric).digits
    return claim.verdict + (f" {estimate_text(claim.ours.difference, '+', places)}" if claim.ours else "")
