"""Every method of Tables 1 and 2 trains on random weights in the published layout, shared by two processes."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from socket import socket

import pytest

from fpd_bench.config.identity import trains
from fpd_bench.config.sweeps.spec import load_sweep
from tests.tracks import one_paper_rank

PROGRAM = Path(one_paper_rank.__file__)


@pytest.mark.slow
@pytest.mark.parametrize("table", ["table1", "table2"])
def test_every_row_that_trains_does_so_on_the_published_layout_in_two_processes(table, published, tmp_path):
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    out = tmp_path / "out.json"
    command = [sys.executable, str(PROGRAM), str(published.weights), str(published.data), table, str(out)]
    places = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "NODE_RANK": "0", "WORLD_SIZE": "2"}
    places |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path.cwd()), "FPD_WEIGHTS": str(published.weights)}
    places |= {"FPD_CACHE": str(tmp_path / "cache")}
    ranks = [subprocess.Popen(command, env=os.environ | places | {"LOCAL_RANK": str(rank)}) for rank in (0, 1)]
    assert [rank.wait(900) for rank in ranks] == [0, 0]
    found = json.loads(out.read_text())
    planned = load_sweep(f"sweeps/{table}.yaml", ["profile=paper", "seeds=[0]"]).cells
    assert found.keys() == {cell.row_id for cell in planned if trains(cell.config)} and len(found) == 12
    for row, (losses, moved, equal) in found.items():
        assert all(map(math.isfinite, losses)) and moved > 0.5 and equal, row
