"""Refuse a table whose metric its runs will not have, before any of them is made. Needs no torch."""

from fpd_bench import metrics, registry
from fpd_bench.config.schema import RunConfig
from fpd_bench.config.sweeps.cells import Sweep
from fpd_bench.config.tracks import tracks_that
from fpd_bench.errors import ConfigError


def check_metric(sweep: Sweep) -> None:
    """Raise ConfigError if the runs of a table are not evaluated by what gives the sweep's metric.

    Tables of a track that does not declare what evaluates its images are not refused.
    """
    wanted = metrics.get(sweep.metric, str(sweep.path))
    for table in sweep.tables:
        for config in {cell.run_id: cell.config for cell in table.cells}.values():
            found = evaluations(config)
            if found is None or set(wanted.evaluations) & set(found):
                continue
            has = metrics.given_by(*found)
            raise ConfigError(
                f"{sweep.path}, table {table.id}: the suite of track '{config.track.name}' has no metric "
                f"'{sweep.metric}'; it has {', '.join(has)}. {_advice(wanted, has)}"
            )


def evaluations(config: RunConfig) -> tuple[str, ...] | None:
    """Name what evaluates the run's images; None for a track that does not declare it."""
    own: tuple[str, ...] | None = registry.tracks.declaration(config.track.name).evaluations
    if own is None:
        return None
    return (*own, metrics.FIDELITY) if config.evaluation.fidelity else own


def _advice(wanted: metrics.Metric, has: list[str]) -> str:
    if metrics.FIDELITY in wanted.evaluations:
        return "Add evaluation.fidelity=lite0 to the profile, which compares with the track's real images."
    named = tracks_that("evaluations")
    tracks = [one for one in named if set(registry.tracks.declaration(one).evaluations) & set(wanted.evaluations)]
    other = f", or choose a track that has it: {', '.join(tracks)}" if tracks else ""
    return f"Write metric: {has[0]}{other}."
