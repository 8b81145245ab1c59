"""How much each row's pictures of a prompt differ, beside its score; a row without its teacher's variety wins nothing.

GenEval does not see collapse: one good picture for each prompt scores as its teacher's many do.
"""

from collections.abc import Sequence

import pandas as pd

from fpd_bench import metrics
from fpd_bench.evals import statistics
from fpd_bench.evals.diversity import FLOOR
from fpd_bench.reporting import set_metrics
from fpd_bench.reporting.model import COLLAPSED, ClaimResult, RowResult, TableResult
from fpd_bench.reporting.number_words import NONE, estimate_text
from fpd_bench.store.query import Store

NAMES = metrics.names_of(metrics.LAYOUTS) + metrics.names_of(metrics.VENDI)
MAIN = ("differ", "vendi")  # by which a share of the teacher's is told
LEAST = {"differ": 0.0, "vendi": 1.0}  # of one picture for each prompt


def fill(table: TableResult, store: Store, teachers: Sequence[str]) -> None:
    """Fill the rows' diversity, where all their runs have it, and the share of their teacher's that they keep."""
    if table.suite is None:
        return
    run_ids = [seed.run_id for row in table.rows for seed in row.seeds]
    numbers, _ = set_metrics.numbers_of(store, list(dict.fromkeys([*run_ids, *teachers])), table.suite)
    for row in table.rows:
        for name in NAMES:
            found = [numbers.get(seed.run_id, {}).get(name) for seed in row.seeds]
            known = [one for one in found if one is not None]
            if not known or len(known) < len(found) or len({protocol for *_, protocol in known}) > 1:
                continue
            row.diversity[name] = statistics.set_metric_score([value for value, *_ in known])
            drawn = [one for run in teachers if (one := numbers.get(run, {}).get(name)) and one[2] == known[0][2]]
            if name in MAIN and drawn:
                teacher = sum(value for value, *_ in drawn) / len(drawn)
                table.teacher_diversity[name] = teacher
                row.variety = share(row.diversity[name].value, teacher, LEAST[name])


def share(student: float, teacher: float, least: float) -> float | None:
    """Divide two numbers of diversity, less what one picture for each prompt has; None for a teacher without any."""
    return (student - least) / (teacher - least) if teacher > least else None


def judge_diversity(claim: ClaimResult, better: RowResult, worse: RowResult) -> str:
    """Give the claim's verdict; `collapsed` where the row that wins has lost most of its teacher's diversity."""
    winner = {"reproduced": better, "contradicted": worse}.get(claim.verdict)
    return COLLAPSED if winner and winner.collapsed else claim.verdict


def words(row: RowResult) -> str:
    """Say the share of the teacher's diversity, as '84%', with a word where that is collapse."""
    if row.variety is None:
        return NONE
    return f"{row.variety:.0%}" + (f" ({COLLAPSED})" if row.collapsed else "")


def frame(table: TableResult) -> pd.DataFrame:
    """List all that is known of each row's diversity, with intervals over seeds."""
    columns = [metrics.get_or_plain(name) for name in given(table)]
    rows = [
        {"Row": row.label} | {one.heading: _number(row, one) for one in columns} | {"Of teacher's": words(row)}
        for row in table.rows
        if row.diversity
    ]
    return pd.DataFrame(rows, dtype=object)


def given(table: TableResult) -> list[str]:
    """List the metrics of diversity that any row has, in their order."""
    return [name for name in NAMES if any(name in row.diversity for row in table.rows)]


def _number(row: RowResult, metric: metrics.Metric) -> str:
    found = row.diversity.get(metric.name)
    return estimate_text(found, places=metric.digits) if found else NONE


def notes(table: TableResult) -> list[str]:
    """Say what the columns of diversity mean, if the table has any."""
    said = []
    if "differ" in table.teacher_diversity:
        said.append(
            "Diversity: how much the images of a prompt differ, as a share of the teacher's, where "
            f"{table.teacher_diversity['differ']:.3f} of the tokens show something else in two images of a "
            "prompt."
        )
    if "vendi" in table.teacher_diversity:
        said.append(
            "Diversity: how much the images of a prompt differ (their Vendi score less 1), as a share of the "
            f"teacher's, which is {table.teacher_diversity['vendi']:.2f} in features of the "
            "track's backbone."
        )
    if said:
        said.append(
            f"A row below {FLOOR:.0%} of the teacher's diversity has collapsed: it wins no claim and is not set in "
            "bold."
        )
    return said
