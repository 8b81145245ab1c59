"""Two real processes give the gradient of one with the same whole batch."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from socket import socket

import pytest
import torch

from fpd_bench import registry
from fpd_bench.distill import parallel
from fpd_bench.distill.trainer import Training
from fpd_bench.errors import ConfigError
from tests.distill import one_rank

CASES = [
    ["estimator=ste", "optim.samples_per_condition=1"],
    ["estimator=ste", "optim.samples_per_condition=8"],
    ["estimator=soft", "optim.samples_per_condition=1"],
    ["estimator=soft", "optim.samples_per_condition=8", "execution.micro_batch=4"],
    ["draft=random", "optim.samples_per_condition=4", "gan.weight=1"],
    *([f"method={name}"] for name in registry.methods.known() if registry.methods.declaration(name).data_parallel),
    ["optim.samples_per_condition=4", "drift.positives=condition", "drift.memory=24", "refine.confident=0.5"],
    ["optim.samples_per_condition=8", "start.embedding_noise=0.2", "start.sampling=gumbel", "execution.micro_batch=4"],
    ["method=dimo", "start.embedding_noise=0.2", "start.top_p=0.8", "refine.sampling=categorical"],
]
PROGRAM = Path(one_rank.__file__)


@pytest.fixture(scope="module")
def both(small_track, tmp_path_factory):
    """What two processes found in every case, all in one start."""
    folder = tmp_path_factory.mktemp("ranks")
    from fpd_bench.tracks.shapes import assets

    assets.store_preset("coarse", small_track.tokenizer.codebook, small_track.teacher, folder / "assets")
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [sys.executable, str(PROGRAM), str(folder / "assets"), str(folder / "out.pt"), "2", json.dumps(CASES)]
    places = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "NODE_RANK": "0", "OMP_NUM_THREADS": "1"}
    path = {"PYTHONPATH": str(Path.cwd())}
    processes = [
        subprocess.Popen(command, env=os.environ | places | path | {"LOCAL_RANK": str(rank)}) for rank in (0, 1)
    ]
    assert [process.wait(540) for process in processes] == [0, 0]
    return torch.load(folder / "out.pt", weights_only=True)


@pytest.mark.slow
@pytest.mark.parametrize("case", range(len(CASES)), ids=lambda n: " ".join(CASES[n]))
def test_two_processes_have_the_gradient_of_one(case, both, small_track):
    alone, together = one_rank.gradients(small_track, CASES[case]), both["cases"][case]
    largest = alone["gradient"].abs().max()
    assert (together["gradient"] - alone["gradient"]).abs().max() <= 1e-6 * largest
    torch.testing.assert_close(together["loss"], alone["loss"], rtol=1e-4, atol=0)
    assert together.keys() == alone.keys()
    for name in alone:  # after two steps of Adam, which makes whole steps of tiny gradients
        torch.testing.assert_close(together[name], alone[name], rtol=1e-2, atol=2e-4)


@pytest.mark.slow
def test_the_gather_passes_gradients_back_from_all_ranks(both):
    """Each of the two ranks asks the same of the four rows, so the first rank's two rows get twice that."""
    assert torch.equal(both["gathered"], 2 * torch.arange(6.0).view(2, 3))


def test_one_process_is_a_team_of_its_own():
    whole = torch.arange(6.0)
    assert parallel.ranks() == 1 and parallel.rank() == 0 and parallel.own_rows(whole) is whole
    assert (
        parallel.gather(whole) is whole and parallel.from_rank_0("x") == "x" and parallel.mean({"a": 1.0}) == {"a": 1.0}
    )


def test_a_method_that_has_not_learned_to_share_is_refused(small_track, monkeypatch):
    alone = replace(registry.methods.declaration("fpd"), data_parallel=False)
    monkeypatch.setitem(registry.methods._declared, "fpd", alone)
    monkeypatch.setattr(parallel, "ranks", lambda: 2)
    with pytest.raises(ConfigError, match="method=fpd cannot share a batch among processes"):
        Training(one_rank.compose(one_rank.SMALL), small_track)
    monkeypatch.setattr(parallel, "ranks", lambda: 3)
    with pytest.raises(ConfigError, match="optim.batch=16 cannot be shared equally by 3 processes"):
        Training(one_rank.compose(one_rank.SMALL), small_track)
