"""A short version of benchmarks/faults.py: every kill, damage, failing call and pair of sweeps is survived."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

CAMPAIGN = Path(__file__).parents[2] / "benchmarks" / "faults.py"


def survived(folder, *words):
    """Run the campaign; give its output. Exit code 0 means that nothing was wrong."""
    command = [sys.executable, CAMPAIGN, "--seed", "5", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_ten_kills_are_survived(tmp_path):
    out = survived(tmp_path, "--kills", "10", "--no-shapes")
    well, tried = re.search(r"\| all \| \| (\d+) \| (\d+) \|", out).groups()
    assert well == tried and int(tried) >= 10


@pytest.mark.slow
@pytest.mark.parametrize(("what", "n"), [("--damages", 6), ("--calls", 4), ("--pairs", 1)])
def test_damage_failing_calls_and_two_at_once_are_survived(tmp_path, what, n):
    out = survived(tmp_path, "--kills", "0", what, str(n))
    well, corrupt, wrong = re.search(r"\| all \| (\d+) \| (\d+) \| (\d+) \|", out).groups()
    assert int(well) + int(corrupt) == n and wrong == "0"
