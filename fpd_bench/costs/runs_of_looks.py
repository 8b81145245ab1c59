"""How many runs a sweep that adds seeds until its claims are decided will need: at least, at most, and by expectation.

A claim is expected to stay open after a look as its power there says, at the level of the looks shared by the claims of
its table (Bonferroni); a row is trained on while one of its claims is open, each for itself.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fpd_bench.evals.statistics import constant_level
from fpd_bench.evals.statistics.power import Noise, power

if TYPE_CHECKING:
    from fpd_bench.config.sweeps.spec import Sweep, Table

SEED_SD = 0.03  # of a row's score over seeds, as measured on the shapes track (docs/dynamics.md)
ASSUMED = Noise(seeds=2 * SEED_SD**2, prompts=SEED_SD**2, d_prompts=100.0)


@dataclass(frozen=True)
class LookRuns:
    """Runs of a sweep with looks: least (the first look decides all), most (nothing is decided) and expected."""

    least: int
    most: int
    expected: int

    def sentence(self, sweep: "Sweep") -> str:
        """Say in one line how many runs the looks may take."""
        looks = ", ".join(map(str, sweep.looks))
        return (
            f"Looks at {looks} seeds: {self.least} runs if the first decides every claim, {self.most} if none does, "
            f"about {self.expected} if the published differences are true and a row's SD over seeds is {SEED_SD}."
        )


def count(sweep: "Sweep") -> LookRuns:
    """Count the runs of a sweep with looks, whatever has run already; cells that are one run count once."""
    weight: dict[str, float] = {}  # run id: probability that it is asked for
    for table in sweep.tables:
        open_at = {row.id: _open(table, row.id, sweep.looks) for row in table.rows}
        for cell in table.cells:
            look = next(n for n, seeds in enumerate(sweep.looks) if sweep.seeds.index(cell.seed) < seeds)
            asked = open_at[cell.row_id][look]
            weight[cell.run_id] = max(weight.get(cell.run_id, 0.0), asked)
    least = len({cell.run_id for cell in sweep.cells if sweep.seeds.index(cell.seed) < sweep.looks[0]})
    return LookRuns(least, len(weight), round(sum(weight.values())))


def _open(table: "Table", row_id: str, looks: tuple[int, ...]) -> list[float]:
    """Give the probability that the row is asked for at each look."""
    published = {row.id: row.published for row in table.rows}
    level = constant_level(looks) / max(len(table.claims), 1)
    asked, found = 1.0, [1.0]
    mine = [claim for claim in table.claims if row_id in (claim.better, claim.worse)]
    for look in looks[:-1]:
        closed = 1.0
        for claim in mine:
            a, b = published[claim.better], published[claim.worse]
            gap = 0.0 if a is None or b is None else a - b + claim.margin
            closed *= min(power(gap, ASSUMED, look, level), 1 - 1e-9) if gap else 0.0
        asked *= 1 - closed
        found.append(asked)
    return found
