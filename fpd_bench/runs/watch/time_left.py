"""How much longer a sweep will take: the work that is left, at the pace at which the work so far was done.

Runs of different methods take differently long, so work is counted in seconds that runs alike have taken; a run that
somebody has begun counts with what is left of it only.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from statistics import mean

from fpd_bench.config.identity import trains
from fpd_bench.config.schema import RunConfig
from fpd_bench.runs.watch.past_durations import Kind, PastDuration, kind_of
from fpd_bench.runs.watch.state import RunState

REST = 0.15 / 0.85  # of a training's time, for images and scores, while nothing is known
SAMPLING = 2 / 3  # of the time behind a training
ENOUGH = 0.02  # of a run must be done before a pace is known


@dataclass(frozen=True)
class Workload:
    """What a run takes, in seconds, or in a unit that all runs of the sweep share."""

    training: float
    rest: float

    @property
    def total(self) -> float:
        """Return the work of the whole run."""
        return self.training + self.rest

    def done(self, state: RunState) -> float:
        """Return how much of the work the run has done."""
        if state.has_result:
            return self.total
        if state.stage == "train":
            return self.training * state.fraction
        if state.stage == "sample":
            return self.training + self.rest * SAMPLING * state.fraction
        if state.stage == "evaluate":
            return self.training + self.rest * (SAMPLING + (1 - SAMPLING) * state.fraction)
        return 0.0


def workloads(configs: Mapping[str, RunConfig], known: Mapping[Kind, PastDuration]) -> dict[str, Workload]:
    """Return {run id: Workload}, from finished runs of the same kind; a kind without any counts as an average one."""
    kind_of_run = {run_id: kind_of(config) for run_id, config in configs.items()}
    here = [known[kind] for kind in dict.fromkeys(kind_of_run.values()) if kind in known]
    step = _mean((times.step_s for times in here if times.step_s), 1.0)
    longest = max((config.optim.steps for config in configs.values() if trains(config)), default=1)
    rest = _mean((times.other_s for times in here if times.other_s), REST * step * longest)
    average = PastDuration(step, rest, 0)
    found = {}
    for run_id, config in configs.items():
        times = known.get(kind_of_run[run_id], average)
        found[run_id] = Workload(times.step_s * config.optim.steps if trains(config) else 0.0, times.other_s)
    return found


def seconds_left(
    work: Mapping[str, Workload],
    begun: Mapping[str, float],
    now: Mapping[str, float],
    over: Collection[str],
    elapsed: float,
    at_once: int,
) -> float | None:
    """Estimate the seconds until all runs have ended; None while too little is done to tell.

    begun, now: work behind each run at the beginning and by now; over: runs that are not waited for any more;
    elapsed: seconds since the beginning; at_once: how many runs were at work together. One run is never shared, so
    the end is no sooner than the longest of them.
    """
    work_done = sum(max(0.0, now[run_id] - begun[run_id]) for run_id in work)
    left = [one.total - now[run_id] for run_id, one in work.items() if run_id not in over]
    if not left:
        return 0.0
    if work_done < ENOUGH * mean(one.total for one in work.values()) or work_done <= 0:
        return None
    return max(sum(left), max(left) * at_once) * elapsed / work_done


def _mean(numbers: Iterable[float], otherwise: float) -> float:
    found = list(numbers)
    return mean(found) if found else otherwise
