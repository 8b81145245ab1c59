"""`python -m fpd_bench.tracks convert`: the weights come out of an old pickle, and nothing that it names is run."""

import os
import pickle
import sys
import types

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from fpd_bench.models.published_sizes import vqgan_shape
from fpd_bench.models.vqgan import Vqgan
from fpd_bench.models.weight_loading import load_weights
from fpd_bench.tracks.__main__ import main


@pytest.fixture
def lightning(monkeypatch):
    """A class of a package that is gone once the block is over, as Lightning's old callbacks are."""
    module = types.ModuleType("old_lightning.callbacks")
    module.ModelCheckpoint = type("ModelCheckpoint", (), {"__module__": module.__name__})
    for name in ("old_lightning", module.__name__):
        monkeypatch.setitem(sys.modules, name, module)
    return module.ModelCheckpoint


def convert(capsys, *words):
    """(exit code, stdout, stderr)."""
    code = main(["convert", *map(str, words)])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
def test_the_checkpoint_of_a_trainer_that_is_not_installed(published, lightning, tmp_path, capsys, monkeypatch, new):
    home = published.weights / "Maskgit-pytorch/pretrained_maskgit/VQGAN"
    state = torch.load(home / "last.ckpt", weights_only=True)["state_dict"]
    callback = lightning()
    callback.best = torch.ones(3)
    content = {
        "epoch": 7, "state_dict": state, "callbacks": {lightning: callback}, "hparams": {lightning: {callback}},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(2)}}}],
    }  # fmt: skip
    path = tmp_path / "last.ckpt"
    torch.save(content, path, _use_new_zipfile_serialization=new)
    monkeypatch.delitem(sys.modules, "old_lightning.callbacks")
    monkeypatch.delitem(sys.modules, "old_lightning")
    code, out, _ = convert(capsys, path)
    assert code == 0 and "a taming VQGAN" in out and str(tmp_path / "last.safetensors") in out
    found = load_file(tmp_path / "last.safetensors")
    assert found.keys() == state.keys() and all(torch.equal(found[name], state[name]) for name in state)
    with safe_open(tmp_path / "last.safetensors", "pt") as file:
        assert file.metadata()["converted_from"] == "last.ckpt" and len(file.metadata()["sha256"]) == 64
    load_weights(Vqgan(vqgan_shape(home / "model.yaml")), tmp_path / "last.safetensors", "vqgan")
    code, _, said = convert(capsys, path)
    assert code == 2 and "is there already. Delete it, or name another file with --out" in said
    assert convert(capsys, path, "--out", tmp_path / "new/other.safetensors")[0] == 0


class Runs:
    """What a hostile file would hold."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("save", ["zip", "legacy", "pickle"])
def test_no_code_of_the_file_runs(tmp_path, capsys, save):
    path, made = tmp_path / "old.ckpt", tmp_path / "made"
    content = {"state_dict": {"a": torch.ones(2)}, "extra": Runs(made)}
    if save == "pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=save == "zip")
    assert convert(capsys, path)[0] == 0 and not made.exists()
    assert load_file(tmp_path / "old.safetensors").keys() == {"a"}


def test_one_of_several_objects_by_name_and_a_module_that_was_saved_whole(tmp_path, capsys):
    path, module = tmp_path / "two.pth", torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    torch.save({"ema": {"w": torch.ones(2)}, "net": module, "step": 3}, path)
    code, _, said = convert(capsys, path)
    assert code == 2 and "but there are some under 'ema', 'net'. Extract them" in said
    assert convert(capsys, path, "--name", "net")[0] == 0
    found = load_file(tmp_path / "two.safetensors")
    assert found.keys() == module.state_dict().keys()
    code, _, said = convert(capsys, path, "--name", "emma", "--out", tmp_path / "x.safetensors")
    assert code == 2 and "hold no tensors under 'emma'. Names with tensors: ema, net" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<html>Sign in</html>", "a web page"),
        (b"", "incomplete"),
        (pickle.dumps({"steps": 3}), "no tensors inside"),
    ],
)
def test_what_holds_no_weights_is_refused(tmp_path, capsys, content, said):
    (tmp_path / "a.pth").write_bytes(content)
    code, _, told = convert(capsys, tmp_path / "a.pth")
    assert code == 2 and said in told and not (tmp_path / "a.safetensors").exists()
    code, _, told = convert(capsys, tmp_path / "none.pth")
    assert code == 2 and "no such file" in told


@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning")
def test_a_program_is_refused_and_so_is_a_damaged_archive(tmp_path, capsys):
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(tmp_path / "program.pt"))
    code, _, said = convert(capsys, tmp_path / "program.pt")
    assert code == 2 and "TorchScript program" in said
    path = tmp_path / "weights.pth"
    torch.save({"state_dict": {"a": torch.ones(1000)}}, path)
    content = bytearray(path.read_bytes())
    content[1000:1064] = bytes(64)
    path.write_bytes(content)
    code, _, said = convert(capsys, path)
    assert code == 2 and "damaged" in said and not (tmp_path / "weights.safetensors").exists()
