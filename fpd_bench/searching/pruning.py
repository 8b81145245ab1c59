"""Is a trial hopeless? Optuna's WilcoxonPruner on its and the best trial's scores, paired by seed and prompt.

All runs see the same prompts with the same noise (docs/statistics.md), so the pairs share what is hard about a prompt.
"""

from collections.abc import Sequence

import optuna
from optuna.pruners import WilcoxonPruner
from optuna.trial import TrialState, create_trial

from fpd_bench import metrics
from fpd_bench.config.searches.search_spec import Search
from fpd_bench.records.layout import PAUSE
from fpd_bench.searching.answered_runs import ValidationRun, need_validation
from fpd_bench.searching.board import Board, RaceLevel
from fpd_bench.searching.history import Trial
from fpd_bench.searching.study import quiet
from fpd_bench.store.query import Store

LEAST_PAIRS = 8  # fewer prompts than that decide nothing
Answers = dict[tuple[int, str], float]  # {(seed, prompt): mean over its images}


def hopeless(search: Search, store: Store, board: Board, trial: Trial, best: Trial, level: RaceLevel) -> bool:
    """Say whether the trial is worse than the best one at this level, by a one-sided test at race.p.

    Never for numbers of all images together, such as FID, which no prompt has.
    """
    if trial is best or not search.race.p or metrics.get(search.file.metric).of_set:
        return False
    ours, theirs = (answers(search, store, board, one, level) for one in (trial, best))
    both = sorted(ours.keys() & theirs.keys())
    if len(both) < LEAST_PAIRS:
        return False
    return _wilcoxon(search, [ours[key] for key in both], [theirs[key] for key in both])


def _wilcoxon(search: Search, ours: Sequence[float], theirs: Sequence[float]) -> bool:
    up = metrics.get(search.file.metric).sign > 0
    with quiet():
        pruner = WilcoxonPruner(p_threshold=search.race.p, n_startup_steps=LEAST_PAIRS)
        study = optuna.create_study(direction="maximize" if up else "minimize", pruner=pruner)
        study.add_trial(create_trial(value=sum(theirs) / len(theirs), intermediate_values=dict(enumerate(theirs))))
        mine = create_trial(state=TrialState.RUNNING, intermediate_values=dict(enumerate(ours)))
        return bool(pruner.prune(study, mine))


def answers(search: Search, store: Store, board: Board, trial: Trial, level: RaceLevel) -> Answers:
    """Give the trial's scores at a level, prompt by prompt, of the task that the metric names or of all."""
    found: Answers = {}
    for seed in search.seeds[: level.seeds]:
        run = trial.runs.get(seed)
        suite = suite_of(store, board, run, level) if run else None
        if run is None or suite is None:
            continue
        need_validation(run)
        rows = store.scores([run.run_id], suite)
        if search.file.metric != metrics.OVERALL:
            rows = rows[rows.task == search.file.metric]
        found |= {(seed, str(item)): float(score) for item, score in rows.groupby("item_id").score.mean().items()}
    return found


def suite_of(store: Store, board: Board, run: ValidationRun, level: RaceLevel) -> str | None:
    """Give the suite that the run has answered at this level: paused there, or in the end."""
    found = store.suites([run.run_id])
    if level.step:
        paused = next((name for name in found if name.endswith(f"{PAUSE}{level.step}")), None)
        if paused:
            return paused
    return board.suite(run)
