"""Metrics that are one number for all images of a run: FID and its kin. Only seeds tell how sure they are.

Resampling images would bias FID, so intervals and tests are Student's over seeds, paired by seed. A number means
nothing without its protocol (evaluator, features, reference, number of images): numbers of different protocols are
printed with a note, and never compared.
"""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from fpd_bench import metrics
from fpd_bench.errors import ConfigError
from fpd_bench.evals import statistics
from fpd_bench.evals.statistics import Comparison
from fpd_bench.records.scores import protocol_id
from fpd_bench.reporting.model import RowResult, SeedResult, TableResult
from fpd_bench.store.query import Store

if TYPE_CHECKING:
    from fpd_bench.config.sweeps.spec import Cell, Row

Numbers = dict[str, dict[str, tuple[float, int, str]]]  # run id -> metric -> (value, images, protocol's id)


def of_all_images(metric: str) -> bool:
    """Say whether the metric is one number for all images of a run."""
    return metrics.get_or_plain(metric).of_set


def sign(metric: str) -> int:
    """Give 1 if higher is better, -1 if lower is."""
    return metrics.get_or_plain(metric).sign


def numbers_of(store: Store, run_ids: Sequence[str], suite: str) -> tuple[Numbers, dict[str, dict[str, Any]]]:
    """Read the numbers of the runs, and {protocol's id: protocol}."""
    kept: dict[str, dict[str, Any]] = {}
    ids: dict[tuple[str, str], str] = {}
    for line in store.lines("protocols", run_ids, suite=suite):
        name = protocol_id(line["protocol"])
        kept[name] = line["protocol"]
        ids[line["run_id"], line["metric"]] = name
    numbers: Numbers = {}
    for line in store.lines("metrics", run_ids, suite=suite) if ids else []:
        run_id, metric = line["run_id"], line["metric"]
        if (run_id, metric) in ids:
            numbers.setdefault(run_id, {})[metric] = (float(line["value"]), int(line["n"]), ids[run_id, metric])
    return numbers, kept


def row_result(
    row: "Row", cells: dict[int, "Cell"], statuses: dict[str, str], numbers: Numbers, metric: str
) -> RowResult:
    """Fill the row's numbers by seed; its mean, if all its seeds have the number under one protocol."""
    seeds = []
    for seed, cell in sorted(cells.items()):
        status = statuses.get(cell.run_id, "missing")
        found = numbers.get(cell.run_id, {}).get(metric) if status == "done" else None
        seeds.append(SeedResult(seed, cell.run_id, status, found[0] if found else None))
    result = RowResult(row.id, row.label, row.published, seeds)
    mine = [numbers[seed.run_id] for seed in seeds if seed.score is not None]
    if not seeds or len(mine) < len(seeds):
        return result
    protocols = {each[metric][2] for each in mine}
    if len(protocols) > 1:
        result.state = "several protocols"
        return result
    result.protocol, result.counted = protocols.pop(), sum(each[metric][1] for each in mine)
    for name in metrics.known():
        if all(name in each for each in mine):
            result.tasks[name] = statistics.set_metric_score([each[name][0] for each in mine])
    result.score = result.tasks[metric]
    drawn = f"{metric}_sampling_sd"
    result.drawn = [each[drawn][0] for each in mine if drawn in each]
    return result


def compare(a: RowResult, b: RowResult, metric: str, chosen: Collection[int] | None = None) -> Comparison:
    """Give A minus B, paired by seed, of the chosen seeds or of all. Raises ConfigError for other protocols, other
    seeds, or fewer than two."""
    if a.protocol != b.protocol:
        raise ConfigError(
            f"{metric} of {a.label} and {b.label} cannot be compared, because the protocols differ "
            f"({a.protocol} and {b.protocol})."
        )
    ours, theirs = (
        {
            seed.seed: seed.score
            for seed in row.seeds
            if seed.score is not None and (chosen is None or seed.seed in chosen)
        }
        for row in (a, b)
    )
    return statistics.compare_set_metrics(ours, theirs, f"{a.label} and {b.label}, {metric}")


def protocol_notes(table: TableResult, protocols: dict[str, dict[str, Any]]) -> list[str]:
    """Write a line for each protocol of the table: what it is, and whose numbers have it."""
    notes = []
    for name in sorted({row.protocol for row in table.rows if row.protocol}):
        found = protocols[name]
        rows = ", ".join(row.label for row in table.rows if row.protocol == name)
        notes.append(f"Protocol {name}: {_in_words(found)}. Rows: {rows}.")
    if len(notes) > 1:
        notes.append("Rows with different protocols are not ranked together.")
    return notes


def _in_words(protocol: dict[str, Any]) -> str:
    """Describe FID and its kin in a sentence, others by all that the evaluation says of itself."""
    if "evaluator" not in protocol:
        return ", ".join(f"{key} {value}" for key, value in sorted(protocol.items()))
    reference = f"{protocol.get('reference')} (sha256 {str(protocol.get('reference_sha256'))[:12]})"
    return (
        f"{protocol.get('preset')}, {protocol.get('evaluator')}, {protocol.get('extractor')}, "
        f"{protocol.get('images')} images against {reference}, resize: {protocol.get('resize')}"
    )
