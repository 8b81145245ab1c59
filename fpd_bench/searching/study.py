"""The study, made in memory from the trials, and the next trial that its sampler asks for: a function of the index.

Trials come in generations of `parallel`: those of one generation are asked together, and know of each other only that
they run (Optuna's constant liar, or its Gaussian process's posterior, keeps them apart). So the next trial is the same
whoever asks, however often the asking process was killed, and in whatever order parallel runs have ended.
"""

import copy
import random
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from fpd_bench.config.check import check
from fpd_bench.config.searches.search_probe import drawn
from fpd_bench.config.searches.search_spec import Search
from fpd_bench.errors import ConfigError
from fpd_bench.records.run_status import TROUBLE
from fpd_bench.searching import samplers
from fpd_bench.searching.board import Board, directions
from fpd_bench.searching.encoding import encoded, suggested
from fpd_bench.searching.history import Trial, baseline_params

TRIES = 8  # of the sampler, to ask for something new that can be run
DRAWS = 2000  # at random after that, before the space counts as exhausted
LABEL = "trial"  # user attribute: the trial's number
RUN = "run_id"  # user attribute: its first run


class StudyTrial(FrozenTrial):
    """A trial made for one study in memory, which may keep it instead of the deep copy that it makes of any other:
    that copy is half of what a study of thousands of trials takes."""

    def __deepcopy__(self, memo: dict[int, Any]) -> "StudyTrial":
        return copy.copy(self)


def begin_of_generation(search: Search, number: int) -> int:
    """Give the first trial of the generation that trial `number` belongs to."""
    return number // search.parallel * search.parallel


def next_params(search: Search, trials: Sequence[Trial], board: Board) -> dict[str, Any] | None:
    """Give {field: value} of the trial after `trials`: the baseline if the space has it, then what the sampler asks
    for; None if there is nothing new."""
    number = len(trials)
    known = {repr(trial.params) for trial in trials}
    baseline = baseline_params(search)
    if baseline is not None and repr(baseline) not in known:
        return baseline
    for again in range(TRIES):
        params = _asked(search, trials, board, samplers.seed_of(search, number, again))
        if params is not None and repr(params) not in known:
            return params
    rng = random.Random(samplers.seed_of(search, number, TRIES))
    for _ in range(DRAWS):
        try:
            params = drawn(search.space, search.base, rng)
        except ConfigError:
            continue
        if repr(params) not in known:
            return params
    return None


def _asked(search: Search, trials: Sequence[Trial], board: Board, seed: int) -> dict[str, Any] | None:
    """Say what the sampler asks for; None if that cannot be run."""
    running_from = begin_of_generation(search, len(trials))
    with quiet():
        study = study_of(search, trials, board, seed, running_from)
        params = suggested(search, study.ask(), random.Random(seed))
    try:
        check(search.config(params, search.seeds[0]))
    except ConfigError:  # two dimensions that do not go together: another one is asked for
        return None
    return params


def study_of(
    search: Search, trials: Sequence[Trial], board: Board, seed: int = 0, running_from: int | None = None
) -> optuna.Study:
    """Give the study in memory. running_from: trials from this number on count as running, whatever they are."""
    with quiet():
        study = optuna.create_study(
            study_name=search.name, directions=directions_of(search), sampler=samplers.make(search, seed)
        )
        study.set_metric_names(list(search.file.objectives))
    replayed = samplers.chosen(search) in samplers.REPLAYED
    for trial in trials:
        frozen = frozen_trial(search, trial, board, running=running_from is not None and trial.number >= running_from)
        if replayed:
            _replay(search, study, trial, frozen)
        else:
            study.add_trial(frozen)
    study.sampler = samplers.make(search, seed)  # a replay has drawn numbers of the first one
    return study


def directions_of(search: Search) -> list[StudyDirection]:
    """Say which way is better, of each objective, in Optuna's words."""
    return [StudyDirection.MAXIMIZE if way > 0 else StudyDirection.MINIMIZE for way in directions(search)]


def _replay(search: Search, study: optuna.Study, trial: Trial, frozen: FrozenTrial) -> None:
    """Ask the sampler for a trial that is already known, so that it notes what it would have noted then."""
    study.sampler = samplers.make(search, samplers.seed_of(search, trial.number))
    study.enqueue_trial(frozen.params, user_attrs=frozen.user_attrs)
    asked = study.ask()
    suggested(search, asked, random.Random(0))
    for name, excess in frozen.constraints.items():
        asked.set_constraint(name, excess)
    if frozen.state == TrialState.COMPLETE:
        study.tell(asked, frozen.values)
    elif frozen.state != TrialState.RUNNING:
        study.tell(asked, state=TrialState.FAIL)


def frozen_trial(search: Search, trial: Trial, board: Board, running: bool = False) -> FrozenTrial:
    """Give a trial in Optuna's form: complete with its value at its highest level, pruned where that is a pause."""
    params, laws = encoded(search, trial.params)
    level = None if running else board.highest(trial)
    values = board.values(trial, level) if level else None
    more: dict[str, Any] = {"state": TrialState.RUNNING}
    if level and values and level.step:
        # Of several objectives Optuna takes no intermediate values: a paused trial is then one that failed.
        single = len(values) == 1
        more = {"state": TrialState.PRUNED if single else TrialState.FAIL}
        more |= {"intermediate_values": {level.step: values[0]}} if single else {}
    elif values:
        more = {"state": TrialState.COMPLETE, "values": list(values), "constraints": board.over(trial)}
    elif not running and any(one.status in TROUBLE for one in trial.runs.values()):
        more = {"state": TrialState.FAIL}
    elif not running and board.lost(trial, board.levels[0]):
        more = {"state": TrialState.PRUNED if len(search.file.objectives) == 1 else TrialState.FAIL}
    run = trial.runs.get(search.seeds[0])
    attributes = {LABEL: trial.number, RUN: run.run_id if run else ""}
    return _study_trial(params, laws, attributes, **more)


def _study_trial(
    params: dict[str, Any],
    laws: dict[str, BaseDistribution],
    attributes: dict[str, Any],
    state: TrialState,
    values: list[float] | None = None,
    intermediate_values: dict[int, float] | None = None,
    constraints: dict[str, float] | None = None,
) -> StudyTrial:
    """Make a trial as Optuna's create_trial does, less its copies."""
    now = datetime.now()
    found = StudyTrial(
        number=-1,
        trial_id=-1,
        state=state,
        value=None,
        values=values,
        datetime_start=now,
        datetime_complete=now if state.is_finished() else None,
        params=params,
        distributions=laws,
        user_attrs=attributes,
        system_attrs={},
        intermediate_values=intermediate_values or {},
    )
    for name, excess in (constraints or {}).items():
        found.set_constraint(name, excess)
    return found


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Optuna's log and its warnings: of experimental parts, of trials that it has not asked for itself."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        optuna.logging.set_verbosity(before)
