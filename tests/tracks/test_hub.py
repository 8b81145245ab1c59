"""Weights by the hub's name: fetched where there is a network; out of reach or gated, one line says what to do."""

import shutil
from pathlib import Path

import pytest
from huggingface_hub.errors import GatedRepoError

from fpd_bench import sweep
from fpd_bench.assets.required_files import discriminator_file
from fpd_bench.config.availability import require_files
from fpd_bench.config.compose import compose
from fpd_bench.errors import AssetError
from fpd_bench.models.maskgit_networks import MaskGit
from fpd_bench.models.published_sizes import maskgit_shape
from fpd_bench.models.weight_loading import load_state, load_weights
from fpd_bench.registry import tracks
from fpd_bench.runs.perform.stages import Bench
from fpd_bench.tracks.__main__ import main

SWEEPS = Path(__file__).parents[2] / "sweeps"


@pytest.fixture
def hub(published, tmp_path, monkeypatch):
    """A hub that has what the tiny weights folder has; gives the names that were asked for."""
    asked = []

    def download(repository, name, local_dir=None):
        asked.append(f"{repository}/{name}")
        found = published.weights / repository.partition("/")[2] / name
        target = Path(local_dir or tmp_path / "hub" / repository) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        return shutil.copy(found, target)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FPD_WEIGHTS", "hub")
    monkeypatch.chdir(tmp_path)
    return asked


def shrink(published, tmp_path):
    """MaskGIT's sizes come from a file that the real hub need not have."""
    tiny = "Maskgit-pytorch/pretrained_maskgit/MaskGIT/MaskGIT_ImageNet_256.json"
    target = tmp_path / "cache/fpd-bench/weights" / tiny
    target.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(published.weights / tiny, target))


def provide_weights(track):
    """Only the networks of a track's teacher, without data."""
    config = compose([f"track.name={track}", "method=teacher", "evaluation.fidelity=lite0"])
    require_files(config)


def test_a_track_is_fetched_once_and_opens(hub, published, tmp_path):
    shrink(published, tmp_path)
    provide_weights("maskgit")  # what a sweep does before anything is queued
    assert "llvictorll/Maskgit-pytorch/pretrained_maskgit/MaskGIT/MaskGIT_ImageNet_256.pth" in hub
    fetched = len(hub)
    track = Bench().track(compose(["track.name=maskgit", "drift.blocks=[2]"]))
    assert track.n_codes == 24 and len(track.assets["maskgit/teacher"]) == 64 and len(hub) == fetched


@pytest.mark.slow
@pytest.mark.parametrize("lacking", ["nothing", "captions"])
def test_a_dry_run_fetches_nothing_and_says_what_would_be(hub, published, monkeypatch, capsys, lacking):
    monkeypatch.setenv("FPD_DATA", str(published.weights / "data" if lacking == "nothing" else published.weights))
    code = sweep.main([str(SWEEPS / "table3.yaml"), "profile=paper", "seeds=[0]", "--dry-run"])
    said = capsys.readouterr()
    fetched = [line for line in said.out.splitlines() if line.startswith("Will be downloaded: hf download ")]
    assert hub == [] and len(fetched) == len(set(fetched)) == 7
    assert (code, "Training captions are missing" in said.err) == ((0, False) if lacking == "nothing" else (2, True))
    provide_weights("maskgen")
    assert hub  # it was for the dry run only


def test_check_fetches_first(hub, capsys):
    assert main(["check", "maskgen", "--weights", "hub", "--quick"]) == 0
    assert "turkeyju/generator_maskgen_vq_l/model.safetensors" in hub
    assert capsys.readouterr().out.count("ok ") >= 6


def test_one_network_by_its_hub_name(hub, published, tmp_path):
    network = MaskGit(maskgit_shape(shrink(published, tmp_path)))
    load_weights(network, "llvictorll/Maskgit-pytorch", "maskgit")
    assert hub == ["llvictorll/Maskgit-pytorch/pretrained_maskgit/MaskGIT/MaskGIT_ImageNet_256.pth"]
    state = load_state("turkeyju/tokenizer_tatitok_bl128_vq/model.safetensors")
    assert "latent_tokens" in state and hub[-1] == "turkeyju/tokenizer_tatitok_bl128_vq/model.safetensors"


def test_a_gated_repository_says_whose_licence_to_accept(hub, monkeypatch):
    def refused(repository, name, local_dir=None):
        raise GatedRepoError.__new__(GatedRepoError)  # made without a response of the client's own HTTP library

    monkeypatch.setattr("huggingface_hub.hf_hub_download", refused)
    with pytest.raises(AssetError, match="is gated. Accept its licence on https://huggingface.co/turkeyju.*hf auth"):
        tracks.get("maskgen")("default")
    with pytest.raises(AssetError, match="timm/deit_base_distilled_patch16_224.fb_in1k' .* is gated"):
        discriminator_file()


def test_a_hub_out_of_reach_gives_the_command_for_another_machine(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("FPD_WEIGHTS", "hub")
    told = r"'turkeyju\S* \(teacher\) cannot be downloaded: .*\w\. On a machine with internet access run: hf download"
    with pytest.raises(AssetError, match=told):
        provide_weights("maskgen")
    with pytest.raises(AssetError, match=r"hf download llvictorll/Maskgit-pytorch pretrained_maskgit/VQGAN/last.ckpt"):
        load_state("llvictorll/Maskgit-pytorch", "vqgan")


def test_a_path_is_never_taken_for_a_hub_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights").mkdir()
    for path in ("weights/maskgit/model.pth", "./a/b/c.pth", str(tmp_path / "a/b.pth"), "model.pth"):
        with pytest.raises(AssetError, match="does not exist"):
            load_state(path, "maskgit")
