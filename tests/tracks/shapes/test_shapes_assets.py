"""The shipped files of the shapes track: what is written is read, and damage is told with file, hash and remedy."""

import hashlib
import json

import pytest
import torch
from safetensors.torch import save_file

from fpd_bench.errors import AssetError
from fpd_bench.models.transformer import MaskedTransformer, Shape
from fpd_bench.tracks.shapes import assets
from fpd_bench.tracks.shapes.tokenizer import draw_codebook
from fpd_bench.tracks.shapes.world import PRESETS

WORLD = PRESETS["coarse"]


@pytest.fixture
def network():
    return MaskedTransformer(Shape(WORLD.codes, WORLD.tokens, words=5, text=7, width=8, depth=1, heads=2))


@pytest.fixture
def file(tmp_path, network):
    return assets.store_preset("coarse", draw_codebook(WORLD), network, tmp_path)


def refused(folder, name="coarse"):
    with pytest.raises(AssetError) as error:
        assets.load_preset(name, PRESETS[name], folder)
    return str(error.value)


def replace(file, tensors):
    """Another file under the same name, with a manifest that vouches for it."""
    save_file(tensors, file)
    manifest = file.parent / "manifest.json"
    entries = json.loads(manifest.read_text())
    entries[file.name]["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(entries))


def test_what_is_stored_is_loaded_frozen_with_its_hash(file, network, tmp_path):
    codebook, teacher, hashes = assets.load_preset("coarse", WORLD, tmp_path)
    assert torch.equal(codebook, draw_codebook(WORLD))
    for name, value in teacher.state_dict().items():
        assert torch.equal(value, network.state_dict()[name].half().float()), name
    assert not any(p.requires_grad for p in teacher.parameters()) and not teacher.training
    assert hashes == {"shapes/coarse.safetensors": hashlib.sha256(file.read_bytes()).hexdigest()}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["coarse.safetensors", "manifest.json"]


def test_storing_one_preset_keeps_the_others(file, network, tmp_path):
    assets.store_preset("plain", draw_codebook(PRESETS["plain"]), network, tmp_path)
    assert sorted(json.loads((tmp_path / "manifest.json").read_text())) == ["coarse.safetensors", "plain.safetensors"]
    assets.load_preset("coarse", WORLD, tmp_path)


def test_a_missing_preset_names_the_command_that_builds_it(file, tmp_path):
    message = refused(tmp_path, "large")
    assert "Preset 'large' has no built assets" in message
    assert "python -m fpd_bench.tracks build shapes --preset large" in message
    file.unlink()
    assert "Preset 'coarse' has no built assets" in refused(tmp_path)


def test_a_changed_byte_is_told_with_both_hashes(file, tmp_path):
    expected = hashlib.sha256(file.read_bytes()).hexdigest()
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    message = refused(tmp_path)
    assert str(file) in message and expected in message and hashlib.sha256(content).hexdigest() in message


def test_a_foreign_file_is_told(file, tmp_path):
    replace(file, {"weights": torch.zeros(2)})
    assert "does not hold a codebook and a teacher of preset 'coarse'" in refused(tmp_path)


def test_a_file_that_is_no_safetensors_is_told(file, tmp_path, network):
    file.write_bytes(b"not a file of tensors")
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest[file.name]["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert "does not hold a codebook and a teacher" in refused(tmp_path)


def test_another_presets_codebook_is_told(file, tmp_path, network):
    weights = {f"teacher.{name}": value for name, value in network.state_dict().items()}
    replace(file, {"codebook": draw_codebook(PRESETS["plain"]).contiguous(), **weights})
    assert f"preset 'coarse' has {WORLD.codes}" in refused(tmp_path)


@pytest.mark.parametrize("text", ["{", "[1]", "3"])
def test_a_broken_manifest_is_told(file, tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    assert "manifest.json is not a manifest" in refused(tmp_path)
