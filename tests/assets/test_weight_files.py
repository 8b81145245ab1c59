"""What a weights file holds, told without torch: its kind, its damage, and the code that an old pickle would run."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

from fpd_bench.assets.known_models import KNOWN_MODELS
from fpd_bench.assets.weight_files import contents, refuse_foreign
from fpd_bench.errors import AssetError

HALTON = ("cls_emb.weight", "tok_emb.weight", "last_norm.mlp.1.bias")


class Callback:
    """What a trainer leaves in its pickle."""


def state(kind, prefix=""):
    return {
        f"{prefix}{mark}x" if mark.endswith(".") else f"{prefix}{mark}": torch.zeros(2)
        for mark in KNOWN_MODELS[kind].marks
    }


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("prefix", ["", "module.", "module._orig_mod.", "_orig_mod.module.", "model.module."])
def test_the_right_pickle_passes(tmp_path, new, prefix):
    path = tmp_path / "MaskGIT_ImageNet_256.pth"
    wrapped = {"iter": 7, "model_state_dict": state("maskgit", prefix), "optimizer_state_dict": {"lr": 1e-4}}
    torch.save(wrapped, path, _use_new_zipfile_serialization=new)
    refuse_foreign(path, "maskgit")
    assert not contents(path).imports
    assert contents(path).shapes == {name: (2,) for name in state("maskgit")}


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
def test_a_pickle_that_wants_code_is_refused_with_the_way_out(tmp_path, new):
    path = tmp_path / "last.ckpt"
    torch.save({"state_dict": state("vqgan"), "callbacks": Callback()}, path, _use_new_zipfile_serialization=new)
    with pytest.raises(AssetError, match="would run code .*Callback.* Convert it once"):
        refuse_foreign(path, "vqgan")


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
def test_a_whole_pickled_module_and_weights_under_a_name_of_their_own_are_refused(tmp_path, new):
    """torch's loader takes neither, so nothing may be queued on them."""
    path = tmp_path / "MaskGIT_ImageNet_256.pth"
    torch.save(torch.nn.Sequential(torch.nn.Linear(2, 2)), path, _use_new_zipfile_serialization=new)
    with pytest.raises(AssetError, match=r"would run code \(torch.nn.modules.container.Sequential\).*tracks convert"):
        refuse_foreign(path, "maskgit")
    torch.save({"ema": state("maskgit")}, path, _use_new_zipfile_serialization=new)
    with pytest.raises(AssetError, match="but there are some under 'ema'. Extract them: .* --name ema"):
        refuse_foreign(path, "maskgit")


def test_the_head_of_the_maskgit_repository_is_named(tmp_path):
    path = tmp_path / "MaskGIT_ImageNet_256.pth"
    torch.save({"model_state_dict": {key: torch.zeros(1) for key in HALTON}}, path)
    with pytest.raises(AssetError, match="hold a Halton-MaskGIT .* not a MaskGIT-pytorch v1"):
        refuse_foreign(path, "maskgit")


def test_shapes_and_strangers_in_safetensors(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file({"one": torch.zeros(3, 4), "two": torch.zeros(5)}, path)
    assert contents(path).shapes == {"one": (3, 4), "two": (5,)} and contents(path).parameters == 17
    with pytest.raises(AssetError, match=r"unknown model \(keys \(one, two\)\), not a MaskGen"):
        refuse_foreign(path, "maskgen")
    save_file(state("maskgen"), path)  # replaced: read again
    refuse_foreign(path, "maskgen")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_what_failed_downloads_leave(tmp_path, suffix):
    whole = tmp_path / f"whole{suffix}"
    torch.save(state("maskgit"), whole) if suffix == ".pth" else save_file(state("maskgit"), whole)
    content = whole.read_bytes()
    for name, damaged, said in [
        ("cut", content[: len(content) * 2 // 3], r"incomplete or corrupt \(.*[\d,]+ bytes|of [\d,]+\)"),
        ("empty", b"", "incomplete or corrupt"),
        ("gated", b"Access to model x is restricted. You must be authenticated.", "gated, accept its licence"),
        ("pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        ("page", b"<!DOCTYPE html><html>Sign in</html>", "a web page"),
    ]:
        path = tmp_path / f"{name}{suffix}"
        path.write_bytes(damaged)
        with pytest.raises(AssetError, match=said):
            refuse_foreign(path, "maskgit")


def test_it_needs_no_torch():
    code = "import sys, fpd_bench.assets.required_files, fpd_bench.tracks.checking; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
