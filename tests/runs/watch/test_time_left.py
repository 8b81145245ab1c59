"""The time left, held against sweeps that are played through second by second."""

import pytest

from fpd_bench.config.compose import compose
from fpd_bench.runs.watch.past_durations import PastDuration, kind_of
from fpd_bench.runs.watch.state import RunState
from fpd_bench.runs.watch.time_left import Workload, seconds_left, workloads


def at(work, seconds):
    """The state of a run that has been at work for so many seconds."""
    if seconds >= work.total:
        return RunState("r", "done")
    stages = {"train": work.training, "sample": work.rest * 2 / 3, "evaluate": work.rest / 3}
    for stage, length in stages.items():
        if seconds < length:
            return RunState("r", "running", stage, round(1e6 * seconds / length), 10**6)
        seconds -= length
    raise AssertionError


def play(lengths, workers, begun=None):
    """(time, what is told, what is true) at each second of a sweep whose runs are given out in order."""
    work, begun = dict(enumerate(lengths)), begun or {}
    starts, free = {}, [0.0] * workers
    for run, one in work.items():
        worker = free.index(min(free))
        starts[run] = free[worker] - begun.get(run, 0.0)
        free[worker] += one.total - begun.get(run, 0.0)
    before = {run: work[run].done(at(work[run], begun.get(run, 0.0))) for run in work}
    for now in range(1, int(max(free))):
        spent = {
            run: max(begun.get(run, 0.0), now - starts[run]) if now > starts[run] else begun.get(run, 0.0)
            for run in work
        }
        done = {run: one.done(at(one, spent[run])) for run, one in work.items()}
        over = {run for run, one in work.items() if spent[run] >= one.total}
        yield now, seconds_left(work, before, done, over, now, min(workers, len(work))), max(free) - now


FPD, DIMO, TEACHER = Workload(60, 10), Workload(140, 10), Workload(0, 10)


@pytest.mark.parametrize("order", [[TEACHER] * 6 + [FPD] * 3 + [DIMO], [DIMO, FPD, TEACHER] * 3])
def test_with_one_worker_methods_may_take_as_differently_long_as_they_like(order):
    told = [(said, true) for now, said, true in play(order, 1) if now >= 5]
    assert len(told) > 100 and all(said == pytest.approx(true, abs=1.0) for said, true in told)


def test_several_workers_do_not_share_a_run():
    told = [(said, true) for now, said, true in play([FPD, TEACHER, TEACHER, DIMO], 3) if now >= 5]
    assert all(said >= true * 0.75 for said, true in told)
    assert told[0][0] == pytest.approx(told[0][1], rel=0.1)  # of the longest, which nobody can help with


def test_what_was_done_before_is_no_pace():
    told = [said for now, said, true in play([FPD], 1, begun={0: 50.0}) if now == 5]
    assert told == [pytest.approx(15, abs=0.5)]


def test_runs_that_are_not_waited_for_are_not_counted():
    work = {"a": FPD, "b": FPD}
    assert seconds_left(work, {"a": 0, "b": 0}, {"a": 35, "b": 0}, {"b"}, 35, 1) == pytest.approx(35)
    assert seconds_left(work, {"a": 0, "b": 0}, {"a": 70, "b": 7}, {"a", "b"}, 35, 1) == 0


def test_nothing_is_told_before_something_is_done():
    assert seconds_left({"a": FPD}, {"a": 0}, {"a": 0}, set(), 100, 1) is None


def test_work_is_what_runs_alike_have_taken_and_an_average_where_there_are_none():
    configs = {name: compose([f"method={name}", "optim.steps=100"]) for name in ("fpd", "dimo", "teacher")}
    assert workloads(configs, {})["teacher"].training == 0 < workloads(configs, {})["teacher"].rest
    assert workloads(configs, {})["fpd"].training / workloads(configs, {})["fpd"].total == pytest.approx(0.85)
    known = {kind_of(configs["fpd"]): PastDuration(0.5, 8, 3), kind_of(configs["teacher"]): PastDuration(0, 4, 3)}
    found = workloads(configs, known)
    assert (found["fpd"], found["teacher"], found["dimo"]) == (Workload(50, 8), Workload(0, 4), Workload(50, 6))
