"""A private SLURM for the tests of this folder; without it they fail, they are never skipped.

The test calls the front doors in its own process, where torch is loaded already; only the jobs are processes. Several
pytest workers share the cluster: a test that disturbs it asks for `alone`, all others run beside each other.
"""

import fcntl
import os
import shutil
import subprocess
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest

from fpd_bench import sweep
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.runs.execute.sweep_plan import open_run
from fpd_bench.runs.folder import submissions

HERE = Path(__file__).parent
LAB = Path(os.environ.get("FPD_SLURM_LAB", "/tmp/fpd-slurm-lab"))
WAIT = 600  # torch takes its time to load on busy cores


@contextmanager
def lock(path, how):
    with path.open("w") as file:
        fcntl.flock(file, how)
        yield file


@pytest.fixture(scope="session")
def slurm():
    """State folder of a running cluster: that of SLURM_CONF, else one that slurm-up starts and the last user stops."""
    if os.environ.get("SLURM_CONF"):
        yield Path(os.environ["SLURM_CONF"]).parents[1]
        return
    with lock(LAB.with_suffix(".users"), fcntl.LOCK_SH) as users:
        up = subprocess.run([HERE / "slurm-up", LAB], capture_output=True, text=True, check=False)
        if up.returncode:
            pytest.fail(f"No SLURM to test on (root and Debian's packages are needed): {up.stderr}")
        os.environ["SLURM_CONF"] = f"{LAB}/etc/slurm.conf"
        yield LAB
        del os.environ["SLURM_CONF"]
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # another worker of pytest still uses it
            return
        subprocess.run([HERE / "slurm-down", LAB], check=False)


@pytest.fixture(autouse=True)
def turn(slurm):
    """One of several tests on the cluster."""
    with lock(LAB.with_suffix(".turn"), fcntl.LOCK_SH) as file:
        yield file


@pytest.fixture
def alone(turn):
    """The only test on the cluster."""
    fcntl.flock(turn, fcntl.LOCK_EX)


@pytest.fixture
def tiny(tiny, monkeypatch):
    """The helpers of tests/plugin with the tiny track registered, here and in jobs."""
    monkeypatch.setenv("PYTHONPATH", tiny.environment()["PYTHONPATH"])
    return tiny


class Bench:
    """The tiny sweep in a results folder of its own; every method takes overrides. one: those of a single run."""

    one = ("estimator=ste", "seeds=[0]")

    def __init__(self, tiny, folder, monkeypatch, capsys):
        self.tiny, self.results, self._capsys = tiny, folder / "results", capsys
        self.file = tiny.write_sweep(folder)
        self.setenv = monkeypatch.setenv
        self._reference = folder / "undisturbed"

    def sweep(self, *words, results=None):
        """(exit code, stdout, stderr) of `python -m fpd_bench.sweep` in this process."""
        self._capsys.readouterr()
        code = sweep.main([str(self.file), *words, "--results", str(results or self.results)])
        return code, *self._capsys.readouterr()

    def slurm(self, *words):
        return self.sweep(
            "executor=slurm", *(() if "timeout_min" in str(words) else ("executor.timeout_min=30",)), *words
        )

    def detach(self, *words):
        """Submit and leave; gives the runs."""
        code, _out, err = self.slurm(*words, "--detach")
        assert code == 0 and "--cancel" in err, err
        return self.runs(*words)

    def cancel(self, run):
        """What `sweep --cancel RUN` says."""
        self._capsys.readouterr()
        assert sweep.main(["--cancel", run.run_id, "--results", str(self.results)]) == 0
        return self._capsys.readouterr().err

    def runs(self, *words, results=None):
        overrides = [word for word in words if "=" in word and not word.startswith("executor")]
        return [open_run(results or self.results, run_id) for run_id in load_sweep(self.file, overrides).runs()]

    def at_step(self, run, step=7):
        """Wait until the run has made so many steps; gives its submission."""

        def there():
            assert submissions.read(run) or not run.attempts(), run.events()[-1:]  # it has ended
            return max((row["step"] for row in run.training_log()), default=0) >= step

        self.tiny.wait_until(there, WAIT)
        return submissions.read(run)

    def finish(self, *words, code=0):
        """Follow to the end, and hold everything to a sweep that nothing disturbed. Gives what was said."""
        found, out, err = self.slurm(*words)
        assert found == code, err
        if code == 0:
            self.setenv("TINY_SECONDS", "0")
            overrides = [word for word in words if "=" in word and not word.startswith("executor")]
            _code, table, _err = self.sweep("executor=inline", *overrides, results=self._reference)
            assert out == table
            for mine, other in zip(self.runs(*words), self.runs(*words, results=self._reference), strict=True):
                assert self.tiny.fingerprint(mine) == self.tiny.fingerprint(other)
                items = Counter((row["item"], row["replicate"]) for row in mine.scores()["test"])
                assert len(items) == 8 and set(items.values()) == {1}
                assert not mine.submission.exists() and not mine.claim.exists()
        return err


@pytest.fixture
def bench(tiny, tmp_path, monkeypatch, capsys):
    return Bench(tiny, tmp_path, monkeypatch, capsys)


@pytest.fixture
def ask():
    """Standard output of a command."""
    return lambda *words: subprocess.run(list(map(str, words)), capture_output=True, text=True, check=True).stdout


@pytest.fixture
def put_first(tmp_path, monkeypatch):
    """Put a program of that name before SLURM's own in PATH; only for --help is that asked all the same."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def put(name, text):
        real = shutil.which(name)
        (folder / name).write_text(f'#!/bin/sh\n[ "$1" = --help ] && exec {real} --help\n{text}\n')
        (folder / name).chmod(0o755)
        return folder / name

    return put


@pytest.fixture
def node_down(ask, alone):
    """Take a node away, as its failure would; it is given back at the end."""
    taken = []

    def fail(node):
        taken.append(node)
        # Drained, too: slurmd is alive, and the lab's ReturnToService=2 would have a node that is only DOWN back soon.
        for state in ("DRAIN", "DOWN"):
            ask("scontrol", "update", f"nodename={node}", f"state={state}", "reason=test")

    yield fail
    for node in taken:
        end = time.monotonic() + 60
        while (state := ask("sinfo", "-h", "-n", node, "-o", "%T")) and "idle" not in state and time.monotonic() < end:
            if "dr" in state or "down" in state:  # drained, draining; SLURM refuses to resume what is not down
                ask("scontrol", "update", f"nodename={node}", "state=RESUME")
            time.sleep(0.5)
