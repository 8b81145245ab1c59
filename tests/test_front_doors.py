"""The front doors: what they print, their exit codes, and that a mistake costs no torch and leaves nothing behind."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fpd_bench import report, status, sweep
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.runs.folder import claims
from fpd_bench.runs.folder.heartbeat import Heart
from fpd_bench.runs.folder.rundir import RunDir

ROOT = Path(__file__).parents[1]


@pytest.fixture
def file(tiny, tmp_path):
    return str(tiny.write_sweep(tmp_path))


def test_a_sweep_runs_what_is_missing_and_prints_its_scores(file, tmp_path, capsys):
    arguments = [file, "executor=inline", "seeds=[0]", "--results", str(tmp_path / "results")]
    assert sweep.main(arguments) == 0
    first = capsys.readouterr()
    assert "2 cells -> 2 runs: 0 done, 2 to do" in first.err
    assert len(re.findall(r"^[0-9a-f]{12} a .*: done score [01]\.\d{3}$", first.err, re.M)) == 2
    assert re.search(r"^a +STE +\d\.\d{3} +0\.43  1$", first.out, re.M)
    assert f"Report: python -m fpd_bench.report {file} 'seeds=[0]' --results" in first.err
    assert sweep.main(arguments) == 0
    second = capsys.readouterr()
    assert "2 done, 0 to do" in second.err and second.out == first.out


def test_the_report_that_a_sweep_names_can_be_asked_for_as_printed(file, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["executor=inline", "executor.workers=4", "plan.gpu=H100", "optim.steps=5", "seeds=[0]"]
    url = f"store.url=sqlite:///{tmp_path}/an index.sqlite"
    assert sweep.main([file, *words, url, "--results", "the results"]) == 0
    printed = re.search(r"^Report: python -m fpd_bench\.report (.*)$", capsys.readouterr().err, re.M)[1]
    assert shlex.split(printed) == [file, "optim.steps=5", "seeds=[0]", "--results", "the results", url]
    assert report.main([*shlex.split(printed), "--no-figures"]) == 0
    told = capsys.readouterr()
    assert "2 unchanged" in told.err and "STE" in told.out


def test_a_report_takes_the_words_of_its_sweep(file, tmp_path, capsys):
    places = ["--results", str(tmp_path), "--out", str(tmp_path / "out"), "--no-figures"]
    words = ["optim.steps=5", "seeds=[0]"]
    assert sweep.main([file, "executor=inline", *words, "--results", str(tmp_path)]) == 0
    assert report.main([file, "executor=slurm", "executor.gpus=1", *words, *places]) == 0
    capsys.readouterr()
    assert report.main([file, "executor=lokal", *places]) == 2
    assert "Unknown executor 'lokal'. Did you mean 'local'?" in capsys.readouterr().err


def test_failures_are_listed_and_the_others_go_on(file, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("TINY_FAILURE", "3-light")
    arguments = [file, "executor=inline", "seeds=[0]", "--results", str(tmp_path)]
    assert sweep.main(arguments) == 1
    told = capsys.readouterr()
    assert told.err.count("failed code: RuntimeError: the scorer gave up at 3-light") >= 2
    assert "2 of 2 runs have no result. The same command continues." in told.err
    assert "missing" in told.out
    command = re.search(r"Details: python -m fpd_bench.status (\w+) --results", told.err)
    assert status.main([command[1], "--results", str(tmp_path)]) == 1
    told = capsys.readouterr().out
    assert "Traceback (most recent call last)" in told
    assert "attempt 1 on" in told and "train finished after" in told and "failed, code: RuntimeError" in told
    assert status.main([file, "seeds=[0,1]", "--failed", "--results", str(tmp_path)]) == 1
    assert capsys.readouterr().out.count("\n") == 3  # titles and two runs
    monkeypatch.delenv("TINY_FAILURE")
    assert sweep.main(arguments) == 0


def test_a_dry_run_says_what_would_run_and_makes_nothing(file, tmp_path, capsys):
    results = tmp_path / "results"
    assert sweep.main([file, "--dry-run", "--results", str(results)]) == 0
    out = capsys.readouterr().out
    assert len(re.findall(r"^[0-9a-f]{12}  planned ", out, re.M)) == 4
    assert "Estimated cost: unknown, no run of these methods and tracks has finished here yet." in out
    assert not results.exists()


def test_a_dry_run_shows_what_is_done_and_expects_the_rest_to_take_as_long(file, tmp_path, capsys):
    place = ["--results", str(tmp_path / "results")]
    assert sweep.main([file, "executor=inline", "seeds=[0]", *place]) == 0
    capsys.readouterr()
    assert sweep.main([file, "--dry-run", *place]) == 0
    out = capsys.readouterr().out
    assert [line.split()[1] for line in out.splitlines()[:4]] == ["done", "done", "planned", "planned"]
    assert re.search(
        r"^Estimated cost: \S+ minutes of one worker for 2 runs, from 2 finished runs of the same kind\.$", out, re.M
    )
    assert sweep.main([file, "--dry-run", "optim.steps=31", "seeds=[0]", *place]) == 0  # other runs of the same kind
    assert "for 2 runs, from 2 finished runs of the same kind." in capsys.readouterr().out


def test_status_tells_every_run_and_speaks_json(file, tmp_path, capsys):
    configs = load_sweep(file).runs()
    done = RunDir.create(tmp_path, next(iter(configs.values())))
    done.finish("diverged")
    assert status.main([file, "--json", "--results", str(tmp_path)]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["run_id"]: row["state"] for row in rows} == {
        run_id: "diverged" if run_id == done.run_id else "planned" for run_id in configs
    }
    assert status.main([file, "--results", str(tmp_path)]) == 0
    assert "4 cells -> 4 runs: 1 done, 3 to do" in capsys.readouterr().err


WRONG = {
    "executor.gpus is for executor=slurm; the executor is 'local'.": ["executor.gpus=1"],
    "Unknown executor 'lokal'. Did you mean 'local'?": ["executor=lokal"],
    "executor.workers must be a whole number from 1 to 4096; got '0'": ["executor.workers=0"],
    "Unknown field 'executor.worker' in the command line. Did you mean 'executor.workers'?": ["executor.worker=2"],
    "Unknown field 'optim.stepps'": ["optim.stepps=3"],
}


@pytest.mark.parametrize("message", WRONG)
def test_a_mistake_is_one_line_and_exit_code_2(file, tmp_path, capsys, message):
    results = tmp_path / "results"
    assert sweep.main([file, *WRONG[message], "--results", str(results)]) == 2
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1
    assert not results.exists()


def test_results_that_cannot_be_written_are_told_before_work(file, tmp_path, capsys):
    (tmp_path / "taken").write_text("a file")
    assert sweep.main([file, "--results", str(tmp_path / "taken")]) == 2
    assert "is not a folder. Choose another with --results DIR." in capsys.readouterr().err
    assert sweep.main([file, "--results", "/proc/results"]) == 2  # even root cannot write there
    assert "Cannot write to '/proc/results'" in capsys.readouterr().err


@pytest.mark.parametrize("door", ["sweep", "search", "status", "worker"])
def test_help_and_mistakes_need_no_torch(door):
    code = (
        f"import sys, fpd_bench.{door} as door\n"
        "try: door.main(['--help'])\n"
        "except SystemExit: pass\n"
        "codes = door.main(['no/such/thing.yaml'])\n"
        "print(codes, sorted({'torch', 'timm'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "2 []", done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "words", [["sweep", "sweeps/smoke.yaml", "--dry-run"], ["store", "--help"]], ids=lambda w: w[0]
)
def test_a_reader_that_has_seen_enough_is_no_error(words):
    read, write = os.pipe()
    os.close(read)
    door = [sys.executable, "-m", f"fpd_bench.{words[0]}", *words[1:]]
    done = subprocess.run(door, stdout=write, stderr=subprocess.PIPE, text=True, check=False, cwd=ROOT)
    os.close(write)
    assert done.returncode == 0 and "Broken pipe" not in done.stderr and "Traceback" not in done.stderr


def test_status_of_what_is_neither_a_file_nor_a_run_says_so(capsys):
    assert status.main(["zzzz"]) == 2
    assert "'zzzz' is neither a sweep file nor the beginning of a run id" in capsys.readouterr().err


def test_status_shows_who_works_on_what_and_how_far_it_is(file, tmp_path, capsys):
    first, second = (
        RunDir.create(tmp_path, config) for config in list(load_sweep(file, ["seeds=[0]"]).runs().values())
    )
    heart = at_work(first, stage="train", steps=200, seconds=4.0, step=100)
    second.append_event({"seq": 0, "attempt": 1, "kind": "attempt_started"})
    second.append_event(
        {"seq": 1, "attempt": 1, "kind": "failed", "failure_class": "code", "message": "a\nb", "step": 3}
    )
    assert status.main([file, "seeds=[0]", "--results", str(tmp_path)]) == 1
    told = capsys.readouterr()
    titles, one, two = told.out.splitlines()
    assert titles.split() == "run state cell step left attempt host last word".split()
    assert re.search(rf"{first.run_id} +running +a \S+ seed 0 +train 100/200 +4 s +2 +{socket.gethostname()}$", one)
    assert re.search(rf"{second.run_id} +failed +.* 1 +code: a b$", two)
    assert status.main(["--json", "--results", str(tmp_path)]) == 1  # every run, whichever sweep
    rows = {row["run_id"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    found = rows[first.run_id]
    assert (found["host"], found["pid"], found["attempt"], found["step"]) == (socket.gethostname(), os.getpid(), 2, 100)
    assert (
        re.fullmatch(r"tiny fpd estimator=(soft|ste) seed 0", found["label"])
        and found["sign"]
        and found["eta_s"] == pytest.approx(4.0, rel=0.5)
    )
    heart.stop()


def test_the_story_of_a_run_ends_with_what_its_batch_job_printed(file, tmp_path, capsys):
    run = RunDir.create(tmp_path, next(iter(load_sweep(file).runs().values())))
    run.begin_attempt({"host": "n1", "job": "17_3"})
    run.append_event({"seq": 0, "attempt": 1, "kind": "attempt_started"})
    (tmp_path / "slurm" / "fpd-a").mkdir(parents=True)
    output = tmp_path / "slurm" / "fpd-a" / "17_3_0_log.out"
    output.write_text("Starting\nand going on\n")
    output.with_name("17_30_0_log.err").write_text("another job's\n")
    assert status.main([run.run_id, "--results", str(tmp_path)]) == 1  # its process is gone
    told = capsys.readouterr().out
    assert "attempt 1 on n1, job 17_3" in told and told.endswith("the end of its log:\n  Starting\n  and going on\n")
    output.with_suffix(".err").write_text("slurmstepd: error: killed\n")
    status.main([run.run_id, "--results", str(tmp_path)])
    assert "slurmstepd: error: killed" in capsys.readouterr().out


def test_status_watches_until_none_is_at_work(file, tmp_path, capsys, monkeypatch):
    run = RunDir.create(tmp_path, next(iter(load_sweep(file).runs().values())))
    heart = at_work(run, stage="sample", steps=10, seconds=1.0, step=5)
    looks = []

    def sleep(seconds):
        looks.append(seconds)
        if len(looks) == 3:
            heart.stop()
            run.finish("done")

    monkeypatch.setattr("time.sleep", sleep)
    assert status.main(["--watch", "0.5", "--results", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert looks == [0.5] * 3
    assert out.count("running") == 2 * 3 and out.splitlines()[-1].split()[1] == "done"
    assert status.main([run.run_id, "--watch", "--results", str(tmp_path)]) == 2


def test_ctrl_c_is_one_line_and_the_exit_code_that_shells_expect(file, tmp_path, tiny):
    run = RunDir.create(tmp_path, next(iter(load_sweep(file).runs().values())))
    heart = at_work(run, stage="sample", steps=10, seconds=1.0, step=5)
    process = tiny.start("status", "--watch", "--results", tmp_path)
    assert process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    _out, err = process.communicate(timeout=300)
    heart.stop()
    assert (process.returncode, err) == (130, "Stopped by Ctrl-C.\n")


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_ctrl_c_while_workers_start_is_no_traceback(tiny, tmp_path, seconds):
    process = tiny.start("sweep", tiny.write_sweep(tmp_path), "--results", tmp_path / "results", TINY_SECONDS="5")
    said = process.stderr.readline()
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    _out, err = process.communicate(timeout=300)
    assert "4 runs: 0 done, 4 to do" in said
    assert process.returncode == 130 and "Traceback" not in err, err
    assert err.splitlines()[-1] in (
        "Stopped: 0 of 4 runs have a result. The same command continues.",
        "Stopped by Ctrl-C.",  # before there was anything to save
    )


@pytest.mark.parametrize("words", [["--dry-run"], []], ids=["dry run", "nothing left to do"])
def test_a_sweep_is_worked_out_once(file, tmp_path, capsys, monkeypatch, words):
    from fpd_bench.config.sweeps import spec

    asked, really = [], spec.load_sweep
    for run in load_sweep(file).runs().values() if not words else ():
        RunDir.create(tmp_path, run).finish("diverged")
    monkeypatch.setattr(spec, "load_sweep", lambda *a, **k: asked.append(a) or really(*a, **k))
    assert sweep.main([str(file), *words, "--results", str(tmp_path)]) == 0
    assert len(asked) == 1


def at_work(run, stage, steps, seconds, step):
    """A heart that beats for `run` as if this process made half of a stage's steps in `seconds`."""
    run.append_event({"seq": 0, "attempt": 2, "kind": "attempt_started"})
    run.append_event({"seq": 1, "attempt": 2, "kind": "stage_started", "stage": stage})
    heart = Heart(run, 2, claims.acquire(run.claim, 2))
    heart.enter(stage)
    heart.progress(0, steps)
    heart._first = (0, time.monotonic() - seconds)
    heart.progress(step, steps)
    heart.start()
    return heart
