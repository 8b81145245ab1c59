"""Numbers in words: estimates, p, claims."""

import math

from fpd_bench.evals.statistics import Estimate
from fpd_bench.reporting.model import ClaimResult

QUIET = "quiet"


class MarkedText(str):
    """A cell's text that knows what it is. kind: QUIET where it stands for a number that is not there, or a verdict."""

    kind: str

    def __new__(cls, text: str, kind: str = QUIET) -> "MarkedText":
        """Make the text, marked with its kind."""
        cell = super().__new__(cls, text)
        cell.kind = kind
        return cell


NONE = MarkedText("–")


def estimate_text(estimate: Estimate, sign: str = "", places: int = 3) -> str:
    """Write mean and interval with three decimals; sign='+' for differences. Without bounds, the mean alone."""
    form = f"{sign}.{places}f"
    if math.isinf(estimate.low):
        return f"{estimate.value:{form}}"
    return f"{estimate.value:{form}} [{estimate.low:{form}}, {estimate.high:{form}}]"


def p_text(p: float | None) -> str:
    """Write p with three decimals, four next to 0.05, where rounding would hide the side; '<0.001'; a dash for None."""
    if p is None:
        return NONE
    return "<0.001" if p < 0.001 else f"{p:.4f}" if 0.0495 <= p < 0.0505 else f"{p:.3f}"


def claim_text(claim: ClaimResult) -> str:
    """Write a claim's words, and its margin if it has one."""
    return f"{claim.text} (margin {claim.margin:g})" if claim.margin else claim.text
