"""A disk that really fills up: during a checkpoint, the images, an ingest. One clear line, and it goes on after."""

import errno
import os
import re
import shutil

import pytest

from fpd_bench import sweep
from fpd_bench.config.compose import compose
from fpd_bench.runs.folder import failures
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.watch.state import state_of
from fpd_bench.store import ingest
from fpd_bench.store.__main__ import main
from fpd_bench.store.query import Store
from tests.faults.small_disk import files, small_disk
from tests.store.synthetic_runs import write_run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return tmp_path_factory.mktemp("undisturbed")


@pytest.fixture
def config(tiny):
    return compose([*tiny.BASE, "optim.steps=8"])


@pytest.fixture
def expected(config, undisturbed):
    """The same run on a disk with room, made once."""
    from fpd_bench.runs.perform.stages import Bench, perform

    run = RunDir.create(undisturbed, config)
    assert perform(run, Bench()).status == "done"
    return run


def perform_on(run):
    from fpd_bench.runs.perform.stages import Bench, perform

    return perform(run, Bench())


def during_checkpoint(run):
    pass


def during_images(run):
    """All that training left is there; what follows is not."""
    for name in ("samples", "eval"):
        shutil.rmtree(run.path / name)
    (run.path / "DONE").unlink()


@pytest.mark.parametrize(("stage", "leave"), [("checkpoint", 40_000), ("images", 8_192), ("anything", 0)])
def test_a_full_disk_fails_the_run_cleanly_and_room_lets_it_end(
    tiny, config, expected, tmp_path, monkeypatch, stage, leave
):
    monkeypatch.setattr(failures, "LEAST_FREE_MB", 0)  # the check beforehand sees enough; others then take it
    with small_disk(tmp_path / "disk", "4m") as disk:
        run = RunDir.create(disk.path, config)
        if stage == "images":
            shutil.copytree(expected.path, run.path, dirs_exist_ok=True)
            during_images(run)
        before = files(disk.path)
        disk.fill(leave)
        outcome = perform_on(run)
        assert outcome.status == "failed" and outcome.failure_class == "disk_full", outcome
        after = files(disk.path)
        assert all(after[path][: len(data)] == data for path, data in before.items()), "something was lost"
        assert not list(disk.path.rglob("*.tmp")) and not run.is_done() and not run.claim.exists()
        disk.make_room()
        assert perform_on(run).status == "done"
        assert tiny.fingerprint(run) == tiny.fingerprint(expected)


def test_too_little_room_is_told_before_anything_is_written(tiny, config, tmp_path):
    with small_disk(tmp_path / "disk", "4m") as disk:
        outcome = perform_on(RunDir.create(disk.path, config))
        code, _out, err = tiny.call("sweep", tiny.write_sweep(tmp_path), "--results", disk.path)
    assert outcome.failure_class == "disk_full" and "Nothing was deleted" in outcome.message
    assert code == 2 and "200 MB are needed" in err and "Traceback" not in err


def test_a_full_disk_stops_an_ingest_that_the_next_one_completes(tmp_path, capsys):
    with small_disk(tmp_path / "disk", "6m") as disk:
        for n in range(6):
            write_run(disk.path, f"{n:012x}", per_task=10)
        assert ingest.ingest(disk.path).read == 6
        with Store(disk.path) as store:
            before = store.content_hash()
        for n in range(6, 12):
            write_run(disk.path, f"{n:012x}", per_task=10)
        kept = {path: data for path, data in files(disk.path).items() if "runs" in path.parts}
        disk.fill(100_000)
        for command in ("check", "rebuild", "export"):
            assert main([command, "--results", str(disk.path)]) == 1
            said = capsys.readouterr().err
            assert "index" in said and "Free some disk space" in said and said.count("\n") == 1, said
        assert {path: data for path, data in files(disk.path).items() if "runs" in path.parts} == kept
        assert not list(disk.path.glob("*rebuild*")) and not list(disk.path.rglob("*.tmp"))
        with Store(disk.path) as store:
            assert store.content_hash() == before, "what was there before is still there"
        disk.make_room()
        assert ingest.ingest(disk.path).read == 6
        assert main(["check", "--results", str(disk.path)]) == 0


def test_a_disk_that_is_full_at_the_claim_is_told_in_plain_words(tiny, config, tmp_path):
    """Nothing can be written, not even that the run failed; with room the same command makes it."""
    with small_disk(tmp_path / "disk", "300m") as disk:
        run = RunDir.create(disk.path, config)
        disk.fill()
        outcome = perform_on(run)
        assert (outcome.status, outcome.failure_class) == ("failed", "disk_full") and outcome.message == (
            f"no space is left for '{run.path}'. Free some; the same command continues. Nothing was deleted."
        )
        assert not list(run.path.glob(".*.tmp")) and state_of(run).state == "planned"
        disk.make_room()
        assert perform_on(run).status == "done"


def test_a_disk_that_fails_before_the_first_step_is_one_line(tiny, tmp_path, monkeypatch, capsys):
    """The next command finds no fault."""
    file = str(tiny.write_sweep(tmp_path))
    words = [file, "executor=inline", "seeds=[0]", "--results", str(tmp_path / "results")]
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fail)
        assert sweep.main(words) == 1
    said = capsys.readouterr().err
    assert re.search(r"^Cannot write run [0-9a-f]{12} to '.*results': Input/output error\. Mend the disk", said, re.M)
    assert sweep.main(words) == 0


def fail(_descriptor):
    raise OSError(errno.EIO, os.strerror(errno.EIO))
