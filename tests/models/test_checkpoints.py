"""Loading published weights: the wrappings they come in, and every way a file can be the wrong one."""

import json
import shlex
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

from fpd_bench.errors import AssetError, UnknownName
from fpd_bench.models.clip_text import ClipText, ClipTextShape
from fpd_bench.models.maskgit_networks import MaskGit
from fpd_bench.models.weight_loading import KNOWN_MODELS, identify, load_state, load_weights


class OldTrainerState:
    """Anything but tensors that a training script pickled along."""


def same(ours, theirs):
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[k], theirs[k]) for k in ours)


def emptied(model):
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.zero_()
    return model


def shards(state, folder):
    """The state in two files, and their index, as transformers writes them."""
    names = sorted(state)
    places = {name: f"model-0000{1 + (i % 2)}-of-00002.safetensors" for i, name in enumerate(names)}
    for file in set(places.values()):
        save_file({name: state[name] for name in names if places[name] == file}, folder / file)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": places}))
    return index


# ------------------------------------------------------------------------------------------------------ what loads
@pytest.mark.parametrize("wrap", ["model_state_dict", "state_dict", None])
@pytest.mark.parametrize("prefix", ["", "module.", "module._orig_mod.", "_orig_mod.module.", "model.module.model."])
def test_wrapped_and_prefixed_weights_load(small_maskgit, tmp_path, wrap, prefix):
    published = {k: v.clone() for k, v in small_maskgit.state_dict().items()}
    content = {prefix + k: v for k, v in published.items()}
    path = tmp_path / "weights.pth"
    torch.save({"iter": 7, wrap: content, "optimizer_state_dict": {"lr": 1e-4}} if wrap else content, path)
    load_weights(emptied(small_maskgit), path, "maskgit")
    same(small_maskgit.state_dict(), published)


def test_critic_in_the_vqgan_file_is_ignored(small_vqgan, tmp_path):
    published = {k: v.clone() for k, v in small_vqgan.state_dict().items()}
    path = tmp_path / "last.ckpt"
    torch.save({"epoch": 3, "state_dict": {**published, "loss.discriminator.main.0.weight": torch.ones(2)}}, path)
    load_weights(emptied(small_vqgan), path, "vqgan")
    same(small_vqgan.state_dict(), published)


@pytest.mark.parametrize("stored", ["embeddings.weight", "lm_head.weight"])
def test_tied_weights_may_be_stored_once(small_maskgen, tmp_path, stored):
    published = {k: v.clone() for k, v in small_maskgen.state_dict().items()}
    left_out = {"embeddings.weight", "lm_head.weight"} - {stored}
    path = tmp_path / "model.safetensors"
    save_file({k: v for k, v in published.items() if k not in left_out}, path)
    load_weights(emptied(small_maskgen), path, "maskgen")
    same(small_maskgen.state_dict(), published)


def test_tokenizer_loads_with_its_statistics(small_tatitok, tmp_path):
    published = {k: v.clone() for k, v in small_tatitok.state_dict().items()}
    save_file(published, tmp_path / "model.safetensors")
    load_weights(emptied(small_tatitok), tmp_path / "model.safetensors", "tatitok")
    same(small_tatitok.state_dict(), published)


def test_tokenizer_of_a_codebook_without_statistics_loads(small_tatitok, tmp_path):
    """`clustering_vq: False`, as in the published inference settings: nothing reads what is missing."""
    published = {k: v.clone() for k, v in small_tatitok.state_dict().items() if k != "quantize.embed_prob"}
    save_file(published, tmp_path / "model.safetensors")
    load_weights(emptied(small_tatitok), tmp_path / "model.safetensors", "tatitok")
    found = small_tatitok.state_dict()
    assert found.pop("quantize.embed_prob").abs().sum() == 0
    same(found, published)
    del published["quantize.embedding.weight"]
    save_file(published, tmp_path / "less.safetensors")
    refuse(small_tatitok, tmp_path / "less.safetensors", "tatitok", "hold a TA-TiTok with continuous tokens")


def test_shards_with_an_index_load(small_maskgen, tmp_path):
    published = {k: v.clone() for k, v in small_maskgen.state_dict().items() if k != "lm_head.weight"}
    index = shards(published, tmp_path)
    load_weights(emptied(small_maskgen), index, "maskgen")
    same({k: v for k, v in small_maskgen.state_dict().items() if k != "lm_head.weight"}, published)
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    refuse(small_maskgen, index, "maskgen", "1 of 2 shards are missing (model-00002-of-00002.safetensors)")
    index.write_text('{"metadata": {}}')
    with pytest.raises(AssetError, match="is not an index of safetensors shards"):
        load_state(index)


def test_text_tower_loads_from_a_whole_clip(golden_of, tmp_path):
    golden = golden_of("cliptext")
    text = golden.config["text_cfg"]
    shape = ClipTextShape(
        text["context_length"],
        text["vocab_size"],
        text["width"],
        text["heads"],
        text["layers"],
        golden.config["embed_dim"],
    )
    model = ClipText(shape).eval()
    save_file({**golden.part("sd."), "visual.conv1.weight": torch.ones(3)}, tmp_path / "clip.safetensors")
    load_weights(model, tmp_path / "clip.safetensors", "clip_text")
    golden.check(model(golden["in.token_ids"]).pooled, "out.pooled")


def test_half_precision_weights_fill_a_float_model(small_maskgit, tmp_path):
    save_file({k: v.half() for k, v in small_maskgit.state_dict().items()}, tmp_path / "half.safetensors")
    load_weights(small_maskgit, tmp_path / "half.safetensors", "maskgit")
    assert small_maskgit.pos_emb.dtype == torch.float32


# ------------------------------------------------------------------------------------------------- what is refused
def refuse(model, path, kind, *said):
    with pytest.raises(AssetError) as caught:
        load_weights(model, path, kind)
    for words in (str(path), *said):
        assert words in str(caught.value)


@pytest.mark.parametrize("kind", [name for name in KNOWN_MODELS if KNOWN_MODELS[name].hub])
def test_missing_file_names_where_it_is_published(tmp_path, kind):
    with pytest.raises(AssetError, match="does not exist") as caught:
        load_state(tmp_path / "absent.pth", kind)
    assert f"hf download {KNOWN_MODELS[kind].hub} {KNOWN_MODELS[kind].file} --local-dir {tmp_path}" in str(caught.value)


def test_folder_is_refused(small_maskgit, tmp_path):
    refuse(small_maskgit, tmp_path, "maskgit", "is a folder")


HALTON = (
    "cls_emb.weight",
    "tok_emb.weight",
    "pos_emb.weight",
    "transformer.layers.0.mlp.1.weight",
    "last_norm.mlp.1.bias",
)


def test_head_of_the_maskgit_repository_is_recognised(small_maskgit, tmp_path):
    path = tmp_path / "ImageNet_384_large.pth"
    torch.save({"model_state_dict": {k: torch.zeros(1) for k in HALTON}}, path)
    refuse(small_maskgit, path, "maskgit", "Halton-MaskGIT", "not v1", "not a MaskGIT-pytorch v1", "hf download")


def test_each_model_is_told_from_the_others(small_maskgit, small_vqgan, small_maskgen, small_tatitok, golden_of):
    text = golden_of("cliptext").part("sd.")
    states = dict(maskgit=small_maskgit, vqgan=small_vqgan, maskgen=small_maskgen, tatitok=small_tatitok)
    assert {name: identify(m.state_dict()) for name, m in states.items()} == {name: name for name in states}
    assert identify(text) == "clip_text"
    assert identify({k: torch.zeros(1) for k in HALTON}) == "halton"
    assert identify({"weight": torch.zeros(1)}) is None


def test_another_model_is_named(small_maskgit, small_vqgan, tmp_path):
    path = tmp_path / "swapped.safetensors"
    save_file(small_vqgan.state_dict(), path)
    refuse(small_maskgit, path, "maskgit", "hold a taming VQGAN, not a MaskGIT-pytorch v1 transformer")
    torch.save({"anything": torch.zeros(1)}, path.with_suffix(".pth"))
    refuse(small_maskgit, path.with_suffix(".pth"), "maskgit", "an unknown model (keys (anything))")


def test_another_size_is_named(small_maskgit, golden_of, tmp_path):
    state = dict(golden_of("maskgit").part("sd."))
    width = state["pos_emb"].shape[2]
    state["pos_emb"] = torch.zeros(1, 1025, width)  # the 512 x 512 model's
    save_file(state, tmp_path / "512.safetensors")
    wrong = f"pos_emb [1, 1025, {width}] instead of {list(small_maskgit.pos_emb.shape)}"
    refuse(small_maskgit, tmp_path / "512.safetensors", "maskgit", "another size", wrong)
    with torch.device("meta"):
        full = MaskGit()
    refuse(
        full, tmp_path / "512.safetensors", "maskgit", "tensors missing (transformer.layers.10.0.fn.mha.in_proj_bias"
    )


def test_pickle_with_code_is_refused_and_its_conversion_works(small_maskgit, tmp_path, golden_of):
    path = tmp_path / "old.ckpt"
    torch.save(
        {"state_dict": small_maskgit.state_dict(), "callbacks": {torch.nn.Identity: [torch.nn.Identity()]}}, path
    )
    refuse(small_maskgit, path, "maskgit", "would run code", "torch.nn.modules.linear.Identity", "Convert it once")
    with pytest.raises(AssetError) as caught:
        load_state(path)
    _, _, command = str(caught.value).rpartition("python -m ")
    subprocess.run([sys.executable, "-m", *shlex.split(command)], check=True)
    load_weights(emptied(small_maskgit), tmp_path / "old.safetensors", "maskgit")
    same(small_maskgit.state_dict(), golden_of("maskgit").part("sd."))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_numbers_that_are_none_are_refused(small_maskgit, tmp_path, suffix):
    state = {k: v.clone() for k, v in small_maskgit.state_dict().items()}
    state["bias"][3, 2] = float("nan")
    state["pos_emb"][0, 0, 0] = float("inf")
    path = tmp_path / f"spoilt{suffix}"
    torch.save(state, path) if suffix == ".pth" else save_file(state, path)
    refuse(small_maskgit, path, "maskgit", "hold NaN or infinite numbers, in 2 tensors (bias, pos_emb)")


def test_bytes_that_were_changed_on_the_way_are_refused(small_maskgit, tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"model_state_dict": small_maskgit.state_dict()}, path)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(64)
    path.write_bytes(content)
    refuse(small_maskgit, path, "maskgit", "are damaged (bad CRC-32 of ")


def test_pickle_of_a_class_that_is_gone_is_refused(tmp_path):
    torch.save({"state_dict": {"a": torch.zeros(1)}, "trainer": OldTrainerState()}, tmp_path / "old.pth")
    with pytest.raises(AssetError, match="would run code .*OldTrainerState"):
        load_state(tmp_path / "old.pth")


CUT = {
    ".pth": r"incomplete or corrupt \(cut off after [\d,]+ bytes: the archive has no end\). Fetch",
    ".safetensors": r"incomplete or corrupt \([\d,]+ of [\d,]+ bytes\). Fetch",
}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_truncated_and_foreign_files_are_refused(tmp_path, suffix):
    whole = tmp_path / f"whole{suffix}"
    if suffix == ".pth":
        torch.save({"a": torch.zeros(1000)}, whole)
    else:
        save_file({"a": torch.zeros(1000)}, whole)
    content = whole.read_bytes()
    for name, damaged, said in [
        ("cut", content[: len(content) // 2], CUT[suffix]),
        ("empty", b"", "incomplete or corrupt"),
        ("text", b"Access to model x is restricted.", "a message, not the file: .*gated"),
        ("pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
        ("page", b"<!DOCTYPE html><html>Sign in</html>", "a web page"),
    ]:
        path = tmp_path / f"{name}{suffix}"
        path.write_bytes(damaged)
        with pytest.raises(AssetError, match=said):
            load_state(path)


def test_file_without_tensors_is_refused(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "none.pth")
    with pytest.raises(AssetError, match="no tensors inside"):
        load_state(tmp_path / "none.pth")


def test_weights_under_a_name_of_their_own_are_refused_with_the_way_out(small_maskgit, tmp_path):
    path = tmp_path / "averaged.pth"
    torch.save({"step": 3, "ema": small_maskgit.state_dict()}, path)
    way = f"but there are some under 'ema'. Extract them: python -m fpd_bench.tracks convert '{path}' --name ema"
    refuse(small_maskgit, path, "maskgit", "no tensors inside, nor under model_state_dict or state_dict", way)


def test_unknown_kind(small_maskgit, tmp_path):
    with pytest.raises(UnknownName, match="Did you mean 'maskgit'"):
        load_weights(small_maskgit, tmp_path / "x", "maskgits")
