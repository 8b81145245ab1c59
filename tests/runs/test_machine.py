"""What is wrong with a machine is told before a run directory is made."""

import json
import shutil
from pathlib import Path

import pytest

from fpd_bench import sweep
from fpd_bench.config.compose import compose
from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.runs.machine import check_machine
from fpd_bench.tracks.shapes import files

SMOKE = Path(__file__).parents[2] / "sweeps" / "smoke.yaml"


@pytest.fixture
def changed(tmp_path, monkeypatch):
    """The package's assets with one byte of the default preset's changed."""
    folder = shutil.copytree(files.FOLDER, tmp_path / "assets")
    content = bytearray((folder / "default.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "default.safetensors").write_bytes(content)
    # The sweep names no folder, and a default argument is bound once: only here can it be turned elsewhere.
    monkeypatch.setattr(files.verified, "__defaults__", (folder,))
    return folder


def test_a_changed_asset_stops_a_sweep_before_it_begins(changed, tmp_path, capsys):
    assert sweep.main([str(SMOKE), "--results", str(tmp_path / "r")]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert json.loads((changed / "manifest.json").read_text())["default.safetensors"]["sha256"] in said
    assert not list((tmp_path / "r").glob("runs/*"))


def test_a_preset_that_is_not_built_names_the_command(tmp_path, capsys):
    assert sweep.main([str(SMOKE), "track.preset=large", "--results", str(tmp_path / "r")]) == 2
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
