"""A search, round by round: look at the index, decide what is due, have it carried out, until nothing is.

What is due is a function of the index (study, racing), so any process may stop anywhere and any other goes on.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fpd_bench.config.searches.search_spec import Search
from fpd_bench.config.sweeps.cells import Sweep
from fpd_bench.runs.execute import sweep_plan
from fpd_bench.runs.execute.executor import Executor
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.folder.stop_signals import stop_flag
from fpd_bench.runs.watch.live_view import SweepView
from fpd_bench.searching.answered_runs import ValidationRun
from fpd_bench.searching.board import Board
from fpd_bench.searching.history import Trial
from fpd_bench.searching.racing import climbers
from fpd_bench.searching.search_sweep import final_sweep, sweep_of, trials_sweep
from fpd_bench.searching.study import begin_of_generation, next_params
from fpd_bench.searching.study_look import Look, look
from fpd_bench.searching.variety import reference
from fpd_bench.store.query import Run

LOST_ROUNDS = 3  # after which a search ends: what fails every time is not the trial's own fault
TICK = 0.002  # seconds between two new trials, whose order is that of their birth


@dataclass
class Rounds:
    """One call of a search. say: tells people; failed: runs that have ended without a result in this call."""

    search: Search
    executor: Executor
    results: Path
    url: str
    say: Callable[[str], None]
    detach: bool = False
    failed: set[str] = field(default_factory=set)
    paused: set[tuple[str, int]] = field(default_factory=set)  # runs and steps
    exhausted: bool = False  # the space has nothing new
    lost_rounds: int = 0  # one after the other, in which every run has failed

    def carry_out(self) -> int | None:
        """Go on until the winner is confirmed. Gives an exit code if that is not the end of it: a signal, or work that
        goes on elsewhere."""
        announced: set[str] = set()
        while True:
            due = self._due(announced)
            if due is None:
                return None
            code = self._perform(due)
            if code is not None:
                return code

    def _due(self, announced: set[str]) -> Sweep | None:
        """Give the runs that are due now; None if nothing is."""
        with look(self.search, self.results, self.url) as seen:
            for line in seen.ingested.set_aside_lines():
                if line not in announced:
                    announced.add(line)
                    self.say(line)
            return self._next(seen)

    def _next(self, seen: Look) -> Sweep | None:
        """Give what the trials need and, beside the first of them, the teacher's run: nothing is decided without it."""
        teacher = reference(self.search)
        if teacher is None or self._over(sweep_of(self.search, (teacher,))):
            return self._next_trials(seen)
        begun = any(seen.board.highest(trial) for trial in seen.trials)
        due = None if begun else self._next_trials(seen)
        return sweep_of(self.search, (*(due.tables if due else ()), teacher))

    def _next_trials(self, seen: Look) -> Sweep | None:
        search, trials, board = self.search, seen.trials, seen.board
        if len(trials) % search.parallel:  # a generation that was not asked to its end
            trials = self._ask(trials, board)
        given_up = {trial.number for trial in trials if any(run.run_id in self.failed for run in trial.runs.values())}
        waiting = [
            trial
            for trial in trials
            if trial.number not in given_up
            and board.values(trial, board.levels[0]) is None
            and not board.lost(trial, board.levels[0])
        ]
        if waiting:
            return trials_sweep(search, waiting, board.levels[0])
        climb = climbers(search, seen.store, trials, board, given_up)
        grown = trials if climb else self._ask(trials, board)
        if len(grown) > len(trials):
            return trials_sweep(search, grown[len(trials) :], board.levels[0])
        if not climb:  # no trial is to come
            climb = climbers(search, seen.store, trials, board, given_up, least=1)
        if climb:
            return trials_sweep(search, climb[1], climb[0])
        final = final_sweep(search, seen.best.params) if seen.best else None
        return None if final is None or self._over(final) else final

    def _over(self, sweep: Sweep) -> bool:
        """Say whether all of its runs have ended, as far as this call can bring them."""
        states = sweep_plan.plan_sweep(sweep, self.results).states
        return all(run_id in self.failed or state.has_result for run_id, state in states.items())

    def _ask(self, trials: list[Trial], board: Board) -> list[Trial]:
        """Give the trials and, up to the end of their generation or the budget, new ones, whose folders are made."""
        found, search = list(trials), self.search
        end = min(begin_of_generation(search, len(trials)) + search.parallel, search.trials)
        while len(found) < end:
            params = next_params(search, found, board)
            if params is None:
                self.exhausted = True
                break
            run = RunDir.create(self.results, search.config(params, search.seeds[0]))
            found.append(Trial(len(found), params, {search.seeds[0]: _planned(run, search)}))
            time.sleep(TICK)
        return found

    def _perform(self, sweep: Sweep) -> int | None:
        plan = sweep_plan.plan_sweep(sweep, self.results)
        self.say(f"{sweep.title}, {sweep.tables[0].id}: {plan.sentence(len(sweep.cells))}")
        todo = plan.ids_to_do
        self.failed |= {run_id for run_id, state in plan.states.items() if state.state == "corrupt"}
        if not todo:
            return None
        configs, metric = plan.configs_to_do(sweep), sweep.metric
        with stop_flag() as stop, SweepView(configs, plan.labels, self.results, metric, stop) as display:
            ending = self.executor.carry_out(sweep, todo, self.results, display.tell, self.detach)
        after = sweep_plan.plan_sweep(sweep, self.results)
        if stop.signal:
            self.say(ending.message or after.stopped_text())
            return 128 + stop.signal
        if ending.message:
            self.say(ending.message)
        if ending.under_way:
            return 0
        without = {run_id: state for run_id, state in after.missing.items() if not self._has_paused(sweep, run_id)}
        self.failed |= without.keys()
        self.lost_rounds = self.lost_rounds + 1 if without.keys() == after.states.keys() else 0
        taken_away = any(state.state != "failed" for state in without.values())  # cancelled, or another process's
        if ending.message or taken_away or self.lost_rounds >= LOST_ROUNDS:
            self.say(after.missing_text(self.results))
            return 1
        return None

    def _has_paused(self, sweep: Sweep, run_id: str) -> bool:
        """Say whether the run has come as far as it was to come; once, for what is due again has no use."""
        step = sweep.runs()[run_id].execution.pause_at
        if not step or (run_id, step) in self.paused:
            return False
        self.paused.add((run_id, step))
        return sweep_plan.open_run(self.results, run_id).has_paused_at(step)


def _planned(run: RunDir, search: Search) -> ValidationRun:
    """Give a run that is there and has done nothing yet, as the index will know it."""
    config = {"evaluation": {"split": search.base.evaluation.split}}
    return ValidationRun(Run(run.run_id, "planned", config, None, 0.0, "", run.path))
