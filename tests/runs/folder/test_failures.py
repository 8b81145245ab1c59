"""Failures by class: less memory, no space, one mistake in every run."""

import errno
import shutil
from collections import namedtuple

import pytest
import torch

from fpd_bench.config.compose import compose
from fpd_bench.errors import UnknownName
from fpd_bench.runs.execute.local import run_inline
from fpd_bench.runs.folder import failures
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.perform.stages import Bench, perform


@pytest.fixture
def make(tiny, tmp_path):
    def create(*overrides, folder="results"):
        return RunDir.create(tmp_path / folder, compose([*tiny.BASE, "optim.steps=6", *overrides]))

    return create


def of_kind(run, kind):
    return [event for event in run.events() if event["kind"] == kind]


def student_that_fits(monkeypatch, rows):
    from fpd_bench.distill.fpd import FixedPointDistillation

    draft = FixedPointDistillation._draft

    def limited(self, student, start, *others):
        if len(start) > rows:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return draft(self, student, start, *others)

    monkeypatch.setattr(FixedPointDistillation, "_draft", limited)


def test_out_of_memory_is_tried_once_more_with_half_the_micro_batch(make, tiny, monkeypatch):
    run, by_hand = make(), make("execution.micro_batch=4", folder="by_hand")
    assert run.run_id == by_hand.run_id
    perform(by_hand, Bench())
    student_that_fits(monkeypatch, 4)
    assert perform(run, Bench()).status == "done"
    assert run.attempts() == [1, 2]
    assert [event["failure_class"] for event in of_kind(run, "failed")] == ["out_of_memory"]
    assert [event["micro_batch"] for event in of_kind(run, "memory")] == [4]
    assert tiny.fingerprint(run) == tiny.fingerprint(by_hand)


def test_a_second_lack_of_memory_fails_the_run(make, monkeypatch):
    student_that_fits(monkeypatch, 2)
    run = make()
    outcome = perform(run, Bench())
    assert outcome.status == "failed" and (outcome.failure_class, outcome.message[:16]) == (
        "out_of_memory",
        "OutOfMemoryError",
    )
    assert len(run.attempts()) == 2
    assert perform(run, Bench()).status == "done"  # asked again, it goes on from the size that failed


def test_the_same_mistake_in_every_run_stops_the_sweep(make, monkeypatch):
    monkeypatch.setenv("TINY_FAILURE", "0-dark")
    runs, ends = [make(f"seed={seed}", "optim.steps=1") for seed in range(4)], []
    patience = failures.Patience(2)
    run_inline(runs, ends.append, patience)
    assert [end.status for end in ends] == ["failed"] * 2
    assert patience.reason.startswith("2 runs failed in the same way") and "gave up at 0-dark" in patience.reason
    assert runs[2].events() == []


def test_different_mistakes_stop_nothing():
    first = 'Traceback:\n  File "a.py", line 3, in f\nValueError: 1\n'
    assert failures.signature(first) == failures.signature(first.replace("1", "2"))
    assert failures.signature(first) != failures.signature(first.replace("line 3", "line 4"))
    assert failures.signature(first) != failures.signature(first.replace("ValueError", "KeyError"))


def test_a_full_disk_fails_the_run_and_deletes_nothing(make, monkeypatch):
    run, usage = make(), shutil.disk_usage

    def full(path):
        room = 2**30 if not of_kind(run, "checkpoint") else 2**20
        return namedtuple("usage", "total used free")(2**40, 0, room)

    monkeypatch.setattr(shutil, "disk_usage", full)
    outcome = perform(run, Bench())
    assert outcome.words.startswith("failed disk_full: DiskFull") and "1 MB left" in outcome.message
    kept = [path.name for path in run.checkpoints.glob("*.pt")]
    assert kept == ["step_5.pt"]
    assert perform(run, Bench()).status == "failed"  # before it begins
    monkeypatch.setattr(shutil, "disk_usage", usage)
    assert perform(run, Bench()).status == "done"


def test_failures_have_a_class():
    assert failures.failure_class(OSError(errno.ENOSPC, "no space")) == "disk_full"
    assert failures.failure_class(MemoryError()) == "out_of_memory"
    assert failures.failure_class(RuntimeError("[enforce fail] can't allocate memory: 8 bytes")) == "out_of_memory"
    assert failures.failure_class(OSError(errno.ENOMEM, "none")) == "out_of_memory"
    assert failures.failure_class(OSError(errno.EDQUOT, "quota")) == "disk_full"
    assert failures.failure_class(OSError(errno.EIO, "broken")) == "code"
    assert failures.failure_class(torch.cuda.OutOfMemoryError()) == "out_of_memory"
    assert failures.failure_class(UnknownName("track", "x", ["y"])) == "config"
    assert failures.failure_class(ZeroDivisionError()) == "code"


def test_a_micro_batch_is_halved_from_the_whole():
    assert [failures.halved(0, 64), failures.halved(7, 64), failures.halved(1, 64)] == [32, 3, 1]
