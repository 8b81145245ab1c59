"""A private SLURM for the tests of this folder; without it they fail, they are never skipped."""

import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def slurm():
    """Environment of a running cluster: the one of SLURM_CONF, else one that slurm-up starts and slurm-down ends."""
    if os.environ.get("SLURM_CONF"):
        yield dict(os.environ)
        return
    state = os.environ.get("FPD_SLURM_LAB", "/tmp/fpd-slurm-lab")
    up = subprocess.run([HERE / "slurm-up", state], capture_output=True, text=True, check=False)
    if up.returncode:
        pytest.fail(f"No SLURM to test on (root and Debian's packages are needed): {up.stderr}")
    os.environ["SLURM_CONF"] = f"{state}/etc/slurm.conf"
    yield dict(os.environ)
    del os.environ["SLURM_CONF"]
    subprocess.run([HERE / "slurm-down", state], check=False)


@pytest.fixture
def tiny(slurm, monkeypatch):
    """The helpers of tests/runs/plugin with the tiny track registered."""
    monkeypatch.syspath_prepend(HERE.parent / "runs" / "plugin")
    from fpd_bench.registry import tracks

    before = dict(tracks._entries)
    import tiny_bench
    import tiny_runs

    tracks._entries["tiny"] = (tiny_bench.TinyTrack, 1)
    yield tiny_runs
    tracks._entries.clear()
    tracks._entries.update(before)
