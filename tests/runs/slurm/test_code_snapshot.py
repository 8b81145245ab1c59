"""The copy of the code that jobs import: what is said of it is what was true of the original."""

import json
import os
import subprocess
import sys

from fpd_bench.config.schema import RunConfig
from fpd_bench.runs.folder import provenance
from fpd_bench.runs.slurm.code_snapshot import FOLDER, take_snapshot

ASK = """
import json
from fpd_bench.config.schema import RunConfig
from fpd_bench.runs.folder import provenance
print(json.dumps([provenance.__file__, provenance.record(RunConfig(), {})["code"]]))
"""


def test_a_job_records_the_state_of_the_code_that_was_copied(tmp_path):
    place = take_snapshot(tmp_path, [RunConfig()])
    environment = os.environ | {"PYTHONPATH": str(place)}
    told = subprocess.run([sys.executable, "-c", ASK], cwd=tmp_path, env=environment, capture_output=True, check=True)
    file, code = json.loads(told.stdout)
    assert file == str(place / "fpd_bench/runs/folder/provenance.py") and code == provenance.code()


def test_equal_code_is_kept_once(tmp_path):
    first = take_snapshot(tmp_path, [RunConfig()])
    assert take_snapshot(tmp_path, [RunConfig(seed=1)]) == first
    assert list((tmp_path / FOLDER).iterdir()) == [first]
