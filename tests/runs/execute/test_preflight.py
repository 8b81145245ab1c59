"""What is wrong with a machine is told before a run directory is made."""

import json
import shutil
from pathlib import Path

import pytest

from fpd_bench import sweep
from fpd_bench.config.compose import compose
from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.runs.execute.preflight import check_machine
from fpd_bench.tracks.shapes import files

SMOKE = Path(__file__).parents[3] / "sweeps" / "smoke.yaml"


@pytest.fixture
def changed(tmp_path, monkeypatch):
    """The package's assets with one byte of the default preset's changed."""
    folder = shutil.copytree(files.FOLDER, tmp_path / "assets")
    content = bytearray((folder / "scattered.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "scattered.safetensors").write_bytes(content)
    # The sweep names no folder, and a default argument is bound once: only here can it be turned elsewhere.
    monkeypatch.setattr(files.read_verified, "__defaults__", (folder,))
    return folder


def test_a_changed_asset_stops_a_sweep_before_it_begins(changed, tmp_path, capsys):
    assert sweep.main([str(SMOKE), "--results", str(tmp_path / "r")]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert json.loads((changed / "manifest.json").read_text())["scattered.safetensors"]["sha256"] in said
    assert not list((tmp_path / "r").glob("runs/*"))


def test_a_preset_that_is_not_built_names_the_command(tmp_path, capsys):
    assert sweep.main([str(SMOKE), "track.preset=large", "drift.grid=3", "--results", str(tmp_path / "r")]) == 2
    assert "tracks build shapes --preset large" in capsys.readouterr().err
    assert not list((tmp_path / "r").glob("runs/*"))
    with pytest.raises(AssetError, match="no built assets"):
        check_machine([compose(["track.preset=large"])], here=False)


def test_a_device_that_is_not_here(tmp_path):
    cuda = [compose(["execution.device=cuda:1"])]
    with pytest.raises(ConfigError, match="execution.device=cuda:1, but this machine has none"):
        check_machine(cuda, here=True, devices=tmp_path)
    check_machine(cuda, here=False, devices=tmp_path)  # some node of a cluster has it
    (tmp_path / "nvidiactl").touch()
    check_machine(cuda, here=True, devices=tmp_path)


PHI = {
    "Unknown drift.backbone 'vit_tinny_patch16_224'. Did you mean 'vit_tiny_patch16_224'?": "vit_tinny_patch16_224",
    "drift.blocks [12] are not blocks of backbone 'vit_tiny_patch16_224'": "vit_tiny_patch16_224 drift.blocks=[12]",
    "Images of 30 px cannot be cut into patches of 16 px": "vit_tiny_patch16_224 drift.resize=30",
    "drift.grid=4 does not divide a 14x14 map": "vit_tiny_patch16_224",
    "Backbone 'tf_efficientnet_lite0' has no class token": "tf_efficientnet_lite0 drift.cls=also",
    "drift.backbone=swin_tiny_patch4_window7_224 does not take images of 32 px": "swin_tiny_patch4_window7_224",
}


@pytest.mark.parametrize("message", PHI)
def test_a_backbone_that_cannot_be_used_stops_a_sweep_before_it_begins(message, tmp_path, capsys):
    words = f"drift.backbone={PHI[message]}".split()
    words += [] if any("blocks" in word for word in words) else ["drift.blocks=[1]"]
    assert sweep.main([str(SMOKE), *words, "--results", str(tmp_path / "r")]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert message in said and len(said) < 600
    assert not list((tmp_path / "r").glob("runs/*"))
