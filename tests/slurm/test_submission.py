"""Handing runs over: a submitter that is killed on the way, arrays, several runs a job, what the site refuses."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from fpd_bench import status
from fpd_bench.runs.folder import submissions
from fpd_bench.runs.slurm import follow
from fpd_bench.runs.watch.state import state_of

pytestmark = pytest.mark.slow

REFUSED = "Required partition not available"
KILLED = {"before sbatch": "", "behind sbatch": 'out=$({sbatch} "$@")\n'}


@pytest.mark.parametrize("when", KILLED)
def test_a_submitter_that_is_killed_loses_no_run_and_doubles_none(bench, put_first, when):
    """sbatch itself does it: it kills who has called it, before or after it has made the jobs."""
    sbatch = shutil.which("sbatch")
    shim = put_first("sbatch", KILLED[when].format(sbatch=sbatch) + "kill -9 $PPID")
    words = ["sweep", bench.file, "executor=slurm", "executor.timeout_min=30", "executor.sbatch.hold=true", "seeds=[0]"]
    process = bench.tiny.start(*words, "executor.cells_per_job=2", "--results", bench.results)
    assert process.wait(300) == -signal.SIGKILL
    shim.unlink()
    runs = bench.runs("seeds=[0]")
    claims = [submissions.read(run) for run in runs]
    assert all(claim and not claim.job_id for claim in claims)
    release = f"sleep 1; scontrol release $(squeue -h -o %A --name={claims[0].batch})"
    subprocess.Popen(["sh", "-c", release], stderr=subprocess.DEVNULL)
    bench.finish("seeds=[0]")
    assert [run.attempts() for run in runs] == [[1], [1]]


@pytest.mark.parametrize("when", KILLED)
def test_ctrl_c_while_sbatch_works_is_remembered_until_what_it_took_is_on_record(bench, put_first, ask, when):
    """sbatch itself does it, as a terminal does: it stops who has called it, and itself unless it has made the job."""
    itself = "" if KILLED[when] else "; kill -INT $$"
    answer = 'echo "$out"' if KILLED[when] else "exit 1"
    sbatch = shutil.which("sbatch")
    shim = put_first("sbatch", f"{KILLED[when].format(sbatch=sbatch)}kill -INT $PPID{itself}\n{answer}")
    words = ["sweep", bench.file, *bench.one, "executor=slurm", "executor.timeout_min=30", "executor.sbatch.hold=true"]
    process = bench.tiny.start(*words, "--results", bench.results)
    _out, err = process.communicate(timeout=300)
    shim.unlink()
    (run,) = bench.runs(*bench.one)
    assert "Traceback" not in err
    if KILLED[when]:
        assert process.returncode == 130 and "1 of 1 runs submitted, 1 are in jobs. The jobs go on." in err
        assert submissions.read(run).job_id in ask("squeue", "-h", "-o", "%i").split()
        assert "1 runs taken back" in bench.sweep(*bench.one, "--cancel")[2]
    else:
        assert process.returncode == 130 and "Stopped before sbatch took a run." in err
        assert submissions.read(run) is None and not run.attempts()


def test_one_job_carries_several_runs_and_comes_back_for_those_that_are_left(bench, ask):
    bench.setenv("TINY_SECONDS", "0.1")
    runs = bench.detach("executor.cells_per_job=3", "executor.sbatch.hold=true")
    jobs = [submissions.read(run).job_id for run in runs]
    assert len(set(jobs)) == 2 and jobs[0] == jobs[1] == jobs[2]
    ask("scontrol", "release", jobs[0].partition("_")[0])
    bench.at_step(runs[0], 3)
    ask("scancel", "--signal=USR2", jobs[0])
    bench.finish()
    assert [run.attempts() for run in runs] == [[1, 2], [1], [1], [1]]
    assert len({run.attempt(1)["job"] for run in runs[:3]}) == 1


def test_arrays_keep_to_the_sites_limit_and_share_what_may_run_at_once(slurm, bench, alone, capsys):
    """The controller comes back with a limit of 3 jobs an array, which would refuse one of 4."""
    with controller(slurm, "MaxArraySize=3"):
        _code, out, _err = bench.slurm("executor.max_parallel=4", "--dry-run")
        assert "4 runs in 4 jobs in 2 arrays" in out and "#SBATCH --array=0-2%3" in out
        runs = bench.detach("executor.max_parallel=4", "executor.timeout_min=30")
        assert sorted("_" in submissions.read(run).job_id for run in runs) == [False, True, True, True]
        bench.finish()


def test_a_full_queue_is_waited_for(slurm, bench, alone, monkeypatch):
    """The controller comes back with room for 3 jobs; ended ones, those of other tests too, count for some time."""
    monkeypatch.setattr(follow, "RETRY_SECONDS", 2)
    log = slurm / "log" / "slurmctld.log"
    before = log.read_text().count("MaxJobCount limit")
    with controller(slurm, "MaxJobCount=3", "MinJobAge=2"):
        bench.finish("executor.array_size=2", "executor.max_parallel=4")
    assert log.read_text().count("MaxJobCount limit") > before
    assert [run.attempts() for run in bench.runs()] == [[1]] * 4


def test_who_stays_waits_for_a_queue_that_was_full_from_the_start(bench, put_first, monkeypatch):
    """sbatch tries for two minutes before it says so; here it says so twice at once."""
    monkeypatch.setattr(follow, "RETRY_SECONDS", 2)
    sbatch, asked = shutil.which("sbatch"), bench.results.parent / "asked"
    full = "sbatch: error: Batch job submission failed: Resource temporarily unavailable"
    put_first(
        "sbatch", f'echo . >> {asked}; [ $(wc -l < {asked}) -gt 3 ] && exec {sbatch} "$@"\necho "{full}" >&2; exit 1'
    )
    code, _out, err = bench.slurm(*bench.one, "--detach")
    assert code == 2 and "Resource temporarily unavailable" in err
    err = bench.finish(*bench.one)
    assert "waiting for sbatch: sbatch refused 1 jobs" in err and asked.read_text().count(".") == 4


def test_a_detached_sweep_lets_go_of_jobs_that_are_gone_when_it_is_asked_again(bench, tiny, ask):
    (run,) = bench.detach(*bench.one, "executor.sbatch.hold=true")
    gone = submissions.read(run).job_id
    ask("scancel", gone)
    tiny.wait_until(lambda: gone not in ask("squeue", "-h", "-o", "%i").split(), 60)
    bench.detach(*bench.one)
    assert submissions.read(run).job_id not in ("", gone)
    bench.finish(*bench.one)


def test_a_cancel_that_slurm_does_not_carry_out_is_told(bench, put_first, ask):
    (run,) = bench.detach(*bench.one, "executor.sbatch.hold=true")
    job = submissions.read(run).job_id
    shim = put_first("scancel", "exit 1")
    code, _out, err = bench.sweep(*bench.one, "--cancel")
    assert code == 2 and f"run: scancel {job}" in err
    shim.unlink()
    ask("scancel", job)


@contextmanager
def controller(slurm, *settings):
    """A slurmctld that has been started anew with these settings; afterwards one as before."""
    conf = slurm / "etc" / "slurm.conf"
    before = conf.read_text()
    changed = tuple(setting.partition("=")[0] + "=" for setting in settings)
    kept = [line for line in before.splitlines() if not line.startswith(changed)]
    try:
        conf.write_text("\n".join([*settings, *kept, ""]))
        restart(slurm)
        yield
    finally:
        conf.write_text(before)
        restart(slurm)


def gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def restart(slurm):
    """Stopped gently: one that is killed forgets ends of jobs that it has not saved, and takes minutes to notice."""
    running = int((slurm / "run" / "slurmctld.pid").read_text())
    os.kill(running, signal.SIGTERM)
    end = time.monotonic() + 60
    while not gone(running):
        assert time.monotonic() < end, "slurmctld does not stop"
        time.sleep(0.1)
    (slurm / "run" / "slurmctld.pid").unlink(missing_ok=True)
    daemon = shutil.which("slurmctld", path=f"{os.environ['PATH']}:/usr/sbin")
    subprocess.run([daemon], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    subprocess.run([Path(__file__).parent / "slurm-up", slurm], check=True, capture_output=True)


def test_what_a_closed_partition_refuses_waits_until_it_opens(slurm, bench, alone, ask, monkeypatch):
    monkeypatch.setattr(follow, "RETRY_SECONDS", 2)
    bench.setenv("TINY_SECONDS", "0.1")
    (run,) = bench.detach(*bench.one)
    bench.at_step(run, 1)
    log = slurm / "log" / "slurmctld.log"
    refusals = log.read_text().count(REFUSED)
    ask("scontrol", "update", "partitionname=main", "state=DRAIN")
    wait = f"until [ $(grep -c '{REFUSED}' {log}) -gt {refusals} ]; do sleep 0.2; done"
    opening = subprocess.Popen(["sh", "-c", f"{wait}; scontrol update partitionname=main state=UP"])
    try:
        err = bench.finish()
    finally:
        opening.kill()
        ask("scontrol", "update", "partitionname=main", "state=UP")
    assert (
        "waiting for sbatch, as do 2 others: sbatch refused 3 jobs" in err
        and "not available (inactive or drain)" in err
    )
    assert [run.attempts() for run in bench.runs()] == [[1]] * 4


def test_identical_failures_end_a_sweep_that_nobody_follows(bench):
    bench.setenv("TINY_FAILURE", "0-dark")
    runs = bench.detach("executor.max_identical_failures=1", "executor.max_parallel=1")
    bench.tiny.wait_until(lambda: not any(run.submission.exists() for run in runs), 600)
    assert sorted(state_of(run).state for run in runs) == ["failed", "interrupted", "interrupted", "interrupted"]


def test_submitits_own_options_reach_the_job_and_its_output_the_story(bench, capsys):
    python = f"executor.python='env OMP_NUM_THREADS=3 {sys.executable}'"
    flags = ["executor.srun_args='--export=ALL,CUBLAS_WORKSPACE_CONFIG=mine'", "executor.setup='echo before'"]
    bench.finish(*bench.one, python, *flags, "executor.teardown='echo after'")
    (run,) = bench.runs(*bench.one)
    environment = run.attempt(1)["environment"]
    assert (environment["OMP_NUM_THREADS"], environment["CUBLAS_WORKSPACE_CONFIG"]) == ("3", "mine")
    capsys.readouterr()
    assert status.main([run.run_id, "--results", str(bench.results)]) == 0
    assert f"  {run.run_id} done\n" in capsys.readouterr().out
    (output,) = (bench.results / "slurm").glob("*/*_log.out")
    assert output.read_text().startswith("before\n")
    bench.tiny.wait_until(lambda: output.read_text().splitlines()[-1] == "after", 60)
