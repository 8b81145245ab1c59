"""What runs read and is not there: asked once for all of them, each thing told once, with its command."""

import pytest

from fpd_bench.assets.missing import Required, missing, provide, refuse
from fpd_bench.config.availability import required_files
from fpd_bench.config.compose import compose
from fpd_bench.errors import AssetError
from fpd_bench.registry import tracks

PAPER = Required(tracks.declaration("maskgen").published, models=True, who="method=fpd on track 'maskgen'")


def test_an_embedded_track_needs_nothing(monkeypatch):
    monkeypatch.delenv("FPD_WEIGHTS", raising=False)
    assert missing([required_files(compose([])), required_files(compose(["method=teacher"]))]) == []
    provide([])


def test_without_a_folder_the_repositories_are_named_once_for_all_runs(monkeypatch):
    monkeypatch.delenv("FPD_WEIGHTS", raising=False)
    configs = [compose(["track.name=maskgen", f"seed={seed}", "drift.blocks=[2]"]) for seed in range(3)]
    found = [one.message for one in missing(map(required_files, configs))]
    assert found[0].startswith(
        "Track 'maskgen' needs its published weights: FPD_WEIGHTS is not set. Download turkeyju/"
    )
    assert len(found) == len(set(found)) == 2 and all("FPD_WEIGHTS" in message for message in found)
    with pytest.raises(AssetError, match=r"FPD_WEIGHTS is not set.*\(1 more are missing; --dry-run lists them\)"):
        provide(missing(map(required_files, configs)))


def test_in_an_empty_folder_every_file_has_its_command(monkeypatch, tmp_path):
    monkeypatch.setenv("FPD_WEIGHTS", str(tmp_path))
    found = [one.message for one in missing([PAPER])]
    assert len(found) == 6 and all(f"--local-dir {tmp_path}" in message for message in found)
    assert f"Track 'maskgen' needs {tmp_path}/generator_maskgen_vq_l/model.safetensors (teacher)" in found[0]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["track.name=maskgen", "drift.blocks=[2]"], "Training captions are missing"),
        (["gan.weight=0.5", "track.name=maskgen", "drift.blocks=[2]"], "The discriminator needs real images"),
        (["gan.weight=0.5", "gan.discriminator=projected"], "gan.discriminator=projected needs DeiT-B"),
        (["evaluation.fidelity=adm"], "FID needs the weights of Inception"),
        (["track.name=maskgit", "drift.blocks=[2]"], "FID's reference '"),
        (["method=folder", "generator.source=/none"], "generator.source='/none' is not a folder."),
        (["method=diffusers", "generator.source=/none"], "'/none' holds no pipeline: it has no model_index.json"),
        (["method=diffusers", "generator.source=/none", "generator.lora=/n.pt"], "'/n.pt' is missing."),
        (
            ["method=folder", "generator.source=/", "track.name=maskgen"],
            "method=folder on track 'maskgen' is scored with facebook/mask2former",
        ),
    ],
)
def test_each_kind_of_file_is_looked_for(words, told, monkeypatch, tmp_path):
    monkeypatch.setenv("FPD_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    found = [one.message for one in missing([required_files(compose(words))])]
    assert any(message.startswith(told) for message in found), found


def test_a_file_of_another_model_is_told_before_work(monkeypatch, tmp_path):
    monkeypatch.setenv("FPD_WEIGHTS", str(tmp_path))
    teacher = tmp_path / "generator_maskgen_vq_l" / "model.safetensors"
    teacher.parent.mkdir()
    teacher.write_text("version https://git-lfs.github.com/spec/v1\n")
    assert any("are a Git LFS pointer" in one.message for one in missing([PAPER]))


def test_with_the_hub_what_can_be_fetched_is_listed_and_not_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("FPD_WEIGHTS", "hub")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    fetched = []
    monkeypatch.setattr("fpd_bench.assets.hub.fetch", lambda *words: fetched.append(words[0]))
    lacking = missing([PAPER])
    refuse(lacking)
    assert [one.message.split(" --")[0] for one in lacking[:1]] == [
        "Will be downloaded: hf download turkeyju/generator_maskgen_vq_l model.safetensors config.json"
    ]
    assert fetched == []
    provide(lacking)
    assert len(fetched) == len(lacking) == 6
