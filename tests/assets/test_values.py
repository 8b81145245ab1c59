"""Damage inside a file of weights, and numbers that are none, in every format and type that weights come in."""

import pytest
import torch
from safetensors.torch import save_file

from fpd_bench.assets.values import check_archive, check_values
from fpd_bench.errors import AssetError

SAVE = {
    ".safetensors": save_file,
    ".pth": torch.save,
    ".bin": lambda state, path: torch.save(state, path, _use_new_zipfile_serialization=False),
}


@pytest.fixture(params=SAVE)
def write(request, tmp_path):
    """write(state) -> the file, in one of the formats."""

    def to_file(state):
        path = tmp_path / f"weights{request.param}"
        SAVE[request.param](state, path)
        return path

    return to_file


def state(dtype=torch.float32):
    draw = torch.Generator().manual_seed(0)
    weight = torch.randn(300, 40, generator=draw)
    return {"a.weight": weight.to(dtype), "b.bias": torch.arange(7).to(dtype), "steps": torch.tensor(3)}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64])
def test_finite_numbers_pass(write, dtype):
    check_values(write(state(dtype)))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("wrong", ["nan", "inf", "-inf"])
def test_numbers_that_are_none_are_found_where_they_are(write, dtype, wrong):
    spoilt = state(dtype)
    spoilt["b.bias"][-1] = float(wrong)
    with pytest.raises(AssetError, match=r"hold NaN or infinite numbers, in 1 tensors \(b.bias\). Fetch"):
        check_values(write(spoilt))


def test_what_is_not_read_and_attention_masks_may_be_infinite(write):
    mask = torch.full((3, 3), float("-inf")).triu(1)
    check_values(write(state() | {"attn_mask": mask, "visual.x": mask.clone()}), ignored=("visual.",))
    with pytest.raises(AssetError, match=r"\(visual.x\)"):
        check_values(write(state() | {"visual.x": mask}))


def test_a_tensor_in_the_optimizer_is_read_for_damage_and_not_for_its_numbers(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"state_dict": state(), "optimizer": {"moment": torch.full((500,), float("nan"))}}, path)
    check_values(path)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_zeroed_bytes_anywhere_in_an_archive_are_found(tmp_path, share):
    path = tmp_path / "weights.pth"
    torch.save({"state_dict": state(), "optimizer": {"moment": torch.ones(5000)}}, path)
    content = bytearray(path.read_bytes())
    at = int(share * len(content))
    content[at : at + 64] = bytes(64)
    path.write_bytes(content)
    for check in (check_values, check_archive):
        with pytest.raises(AssetError, match=r"weights.pth' (are damaged|are incomplete or corrupt)"):
            check(path)


def test_a_file_that_ends_too_early_is_damaged(write):
    path = write(state())
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(AssetError, match="damaged|incomplete"):
        check_values(path)
