"""What a reader must know of tables: how to read them all, and what is special about one."""

from fpd_bench import metrics
from fpd_bench.evals.statistics import constant_level
from fpd_bench.reporting import diversity_columns, front, set_metrics, training_cost
from fpd_bench.reporting.model import TableResult
from fpd_bench.reporting.tables.outlook_frame import outlook_notes

OTHER_BENCH = (
    "The published numbers come from the paper's benches (MaskGen on GenEval, MaskGIT on ImageNet), ours from "
    "the bench of this profile. They stand side by side but are not expected to be equal: compare the "
    "differences between rows, not the scores."
)
READING_OF_ALL = (
    "FID and similar metrics give one number for all images of a run. Their intervals and tests are Student's "
    "t over seeds, paired by seed. Numbers are only compared if they have the same protocol, and the paper "
    "does not state its own."
)
READING = (
    "Intervals are 95% intervals for new seeds and new prompts. Two rows have one difference, paired by seed, "
    "prompt and noise, with one interval and one p: p < 0.05 exactly where the interval excludes 0. A verdict "
    "needs p < 0.05 after Holm's adjustment over the claims of the table. Bold: the rows that may be the "
    "best, with 95% confidence. More in docs/statistics.md."
)
HOW_OFTEN = "How often such intervals and verdicts are wrong, and how to quote them"


def reading(results: list[TableResult]) -> list[str]:
    """Say how to read the tables, once for all of them."""
    of_all = [READING_OF_ALL] if any(set_metrics.of_all_images(table.metric) for table in results) else []
    return [READING] + of_all + ([] if all(table.comparable for table in results) else [OTHER_BENCH])


def notes(table: TableResult) -> list[str]:
    """Say what a reader must know of this table besides `reading`."""
    finished, planned = table.done
    said = []
    if any(len(row.seeds) == 1 and row.scores for row in table.rows):
        said.append(
            "A row with one seed has an interval over prompts only, which says nothing of another training: "
            "its differences have no p and its claims no verdict."
        )
    if table.teacher is not None:
        said.append(
            f"Of teacher: the row's score divided by the teacher's score in 16 steps ({table.teacher:.3f}) on the "
            "same suite."
        )
    said += diversity_columns.notes(table) + front.notes(table) + training_cost.notes(table)
    if tasks := sorted({task for row in table.rows if row.novelty for task in row.novelty.tasks}):
        names = ", ".join(metrics.get_or_plain(task).label for task in tasks)
        said.append(
            "Novel compositions: prompts with a composition (colour on shape, relation) that was withheld "
            f"from training, against the other prompts of the same tasks ({names}). Training scenes of other "
            "tasks may show a withheld relation without naming it."
        )
    said += _looks(table) + outlook_notes(table) + table.notes
    data = f"{finished} of {planned} runs finished; hash of the data {table.content}."
    return [*said, f"Profile {table.profile}; suite {table.suite or 'none yet'}; {data}"]


def _looks(table: TableResult) -> list[str]:
    """Say how seeds were added, in a table with looks."""
    if not table.looks:
        return []
    looks = ", ".join(map(str, table.looks))
    text = (
        f"Seeds are added until the claims are decided: rows are compared after {looks} seeds, from the second "
        f"look on only those of open claims. All looks have the same level, {constant_level(table.looks):.3f}, "
        "chosen so that together they err as rarely as one test at 0.05. Intervals of differences have that "
        "level; p is that of all looks together."
    )
    return [f"{text} {table.unfinished} runs of the current look have no result yet." if table.unfinished else text]
