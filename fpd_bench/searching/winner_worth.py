"""What the winner is worth: the value it was chosen for, the one that fresh seeds and test prompts confirm, and between
them the winner's curse. Compared by the tables' own test, from their own results."""

from dataclasses import dataclass

from fpd_bench import metrics
from fpd_bench.config.searches.search_spec import Search
from fpd_bench.evals.statistics import Estimate
from fpd_bench.reporting.model import COLLAPSED, TableResult
from fpd_bench.reporting.number_words import estimate_text
from fpd_bench.reporting.results import table_result
from fpd_bench.searching.history import Trial
from fpd_bench.searching.search_sweep import BASELINE, WINNER, final_sweep
from fpd_bench.searching.study_look import Look


@dataclass(frozen=True)
class WinnerWorth:
    """A winner as it was chosen and, with confirm.seeds, as it was confirmed."""

    trial: Trial
    promised: TableResult
    confirmed: TableResult | None

    @property
    def curse(self) -> float | None:
        """Say how much worse the winner's confirmed score is than the promised one; None until both are there."""
        both = self.score(self.promised, WINNER), self.score(self.confirmed, WINNER)
        return self._drop(*both)

    @property
    def curse_of_gain(self) -> float | None:
        """Give the same of the gain over the baseline: what all prompts of a split share has gone."""
        both = self.gain(self.promised), self.gain(self.confirmed)
        return self._drop(*both)

    def _drop(self, promised: Estimate | None, confirmed: Estimate | None) -> float | None:
        """Say by how much the second is worse than the first, whichever way is better."""
        way = metrics.get(self.promised.metric).sign
        return way * (promised.value - confirmed.value) if promised and confirmed else None

    @staticmethod
    def score(table: TableResult | None, row: str) -> Estimate | None:
        """Give a row's score in a table."""
        return next((one.score for one in table.rows if one.id == row), None) if table else None

    @staticmethod
    def gain(table: TableResult | None) -> Estimate | None:
        """Give winner minus baseline in a table."""
        claim = table.claims[0] if table and table.claims else None
        return claim.ours.difference if claim and claim.ours else None

    @property
    def verdict(self) -> str:
        """Say what the tables' test says of the claim that the winner beats the baseline."""
        if self.confirmed is None:
            return "not confirmed: the search names no confirm.seeds"
        if not self.confirmed.claims:
            return "the winner is the baseline itself"
        claim = self.confirmed.claims[0]
        p = "" if claim.p is None else f", p = {claim.p:.3g}" if claim.p >= 0.001 else ", p < .001"
        words = {
            "reproduced": "the winner is better",
            "contradicted": "the winner is worse",
            COLLAPSED: "it has collapsed",
        }
        return f"{words.get(claim.verdict, f'{claim.verdict}: no difference shown')}{p}"

    def lines(self) -> list[str]:
        """Give both values side by side, the curse between them, the verdict."""
        rows: list[tuple[str, ...]] = [("", "winner", "baseline", "winner - baseline")]
        for name, table in (("promised", self.promised), ("confirmed", self.confirmed)):
            if table:
                scores = [score_text(self.score(table, row)) for row in (WINNER, BASELINE)]
                rows.append((name, *scores, score_text(self.gain(table), "+")))
        curse = [("" if one is None else f"{one:+.3f}") for one in (self.curse, self.curse_of_gain)]
        rows.append(("winner's curse", curse[0], "", curse[1]))
        widths = [max(len(row[n]) for row in rows) for n in range(4)]
        table_lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        return [f"Winner: {self.trial.label}", *table_lines, f"Verdict: {self.verdict}."]


def score_text(found: Estimate | None, sign: str = "") -> str:
    """Write an estimate like 0.512 [0.480, 0.544], '-' for none. sign: '+' for a difference."""
    return estimate_text(found, sign) if found else "-"


def worth(search: Search, seen: Look) -> WinnerWorth | None:
    """Give the winner's worth as far as its runs are there; None without a winner."""
    if seen.best is None:
        return None
    sweep = final_sweep(search, seen.best.params)
    results = [table_result(sweep, table, seen.store) for table in sweep.tables]
    return WinnerWorth(seen.best, results[0], results[1] if len(results) > 1 else None)
