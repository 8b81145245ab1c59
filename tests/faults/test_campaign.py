"""A short version of benchmarks/faults.py: every kill is survived, and its table counts them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

CAMPAIGN = Path(__file__).parents[2] / "benchmarks" / "faults.py"


@pytest.mark.slow
def test_ten_kills_are_survived(tmp_path):
    words = [sys.executable, CAMPAIGN, "--kills", "10", "--seed", "5", "--no-shapes"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    survived, tried = re.search(r"\| all \| \| (\d+) \| (\d+) \|", done.stdout).groups()
    assert survived == tried and int(tried) >= 10
