"""Modules that were pickled whole: the weights come out, the code stays where it is."""

import os
import pickle

import pytest
import torch
from torch import nn

from fpd_bench.errors import AssetError
from fpd_bench.models.pickled_module import pickled_state


class Block(nn.Module):
    """With everything that a state holds or leaves out."""

    def __init__(self):
        super().__init__()
        self.line, self.norm = nn.Linear(3, 2), nn.BatchNorm1d(2)
        self.flipped = nn.Parameter(torch.randn(4).half().view(2, 2).t(), requires_grad=False)
        self.register_buffer("passing", torch.ones(1), persistent=False)
        self.options, self.kinds, self.dtype = {"a": [1, 2]}, {"x", "y"}, torch.float32
        self.register_parameter("none", None)


@pytest.mark.parametrize("protocol", [4, 5])
@pytest.mark.parametrize("wrapped", [True, False])
def test_the_state_of_a_pickled_module(tmp_path, protocol, wrapped):
    module = nn.Sequential(Block(), nn.ModuleDict({"inner": Block()}))
    content = {"other": nn.Linear(1, 1), "ema": module} if wrapped else module
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(content, protocol=protocol))
    state = pickled_state(tmp_path / "m.pkl")
    wanted = module.state_dict()
    assert state.keys() == wanted.keys()
    assert all(torch.equal(state[key], wanted[key]) and state[key].dtype == wanted[key].dtype for key in wanted)


class Runs:
    """What a hostile file would hold."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_no_code_of_the_file_runs(tmp_path):
    module = nn.Linear(2, 2)
    module.extra = Runs(tmp_path / "made")
    (tmp_path / "m.pkl").write_bytes(pickle.dumps({"ema": module}))
    assert pickled_state(tmp_path / "m.pkl").keys() == {"weight", "bias"}
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("content", [pickle.dumps({"ema": 3}), pickle.dumps([1]), b"<html>", b""])
def test_what_is_no_module_is_refused(tmp_path, content):
    (tmp_path / "m.pkl").write_bytes(content)
    with pytest.raises(AssetError, match=r"m.pkl' (are|hold) no pickled module"):
        pickled_state(tmp_path / "m.pkl")


def test_a_truncated_file_is_refused(tmp_path):
    whole = pickle.dumps({"ema": nn.Linear(50, 50)})
    (tmp_path / "m.pkl").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AssetError, match="incomplete"):
        pickled_state(tmp_path / "m.pkl")
