"""The study as an Optuna storage of its own, for optuna-dashboard and other tools. Nothing here ever reads it back."""

from pathlib import Path

import optuna

from fpd_bench.config.searches.search_spec import Search
from fpd_bench.errors import ConfigError
from fpd_bench.searching.board import Board
from fpd_bench.searching.history import Trial
from fpd_bench.searching.study import directions_of, frozen_trial, quiet


def export(search: Search, trials: list[Trial], board: Board, target: Path) -> None:
    """Write all trials to a new SQLite file. Raises ConfigError if something is there that is no earlier export."""
    part = target.with_name(f".{target.name}.part")
    if target.exists() and not target.read_bytes()[:15] == b"SQLite format 3":
        raise ConfigError(f"'{target}' is not an SQLite file; nothing was written. Choose another with --export FILE.")
    try:
        part.unlink(missing_ok=True)
        with quiet():
            storage = optuna.storages.RDBStorage(f"sqlite:///{part}")
            study = optuna.create_study(
                study_name=search.name,
                storage=storage,
                directions=directions_of(search),
            )
            study.set_metric_names(list(search.file.objectives))
            study.add_trials([frozen_trial(search, trial, board) for trial in trials])
            storage.engine.dispose()
        part.replace(target)
    except OSError as error:
        raise ConfigError(f"Cannot write '{target}': {error.strerror}. Choose another with --export FILE.") from error
    finally:
        part.unlink(missing_ok=True)
