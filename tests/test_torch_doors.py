"""Every door behind which torch opens a file: what would run code is refused as such, and torch's advice stays away."""

import pickle
import shutil
import subprocess
import sys
import warnings
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from fpd_bench.assets.hub_pipelines import locate
from fpd_bench.config.schema import GeneratorConfig
from fpd_bench.errors import AssetError
from fpd_bench.evals.fidelity.extractors import open_extractor
from fpd_bench.evals.fidelity.presets import ADM
from fpd_bench.generators.pipelines import open_pipeline
from fpd_bench.models.pickled_module import pickled_state
from fpd_bench.models.weight_loading import load_state
from fpd_bench.tracks.converting import convert
from fpd_bench.tracks.shapes.build import build
from fpd_bench.tracks.training import read_checkpoint
from tests.models.test_hostile_pickles import KINDS, hostile
from tests.tiny_pipeline import pipeline_folder

__all__ = ["pipeline_folder"]


def unet(path, pipeline_folder):
    open_pipeline(GeneratorConfig(source=str(pipeline_folder), unet=str(path)))


def lora(path, pipeline_folder):
    open_pipeline(GeneratorConfig(source=str(pipeline_folder), lora=str(path)))


def part_of_a_pipeline(name, file):
    def open_it(path, pipeline_folder):
        folder = path.parent / "pipeline"
        shutil.copytree(pipeline_folder, folder)
        for safe in (folder / name).glob("*.safetensors"):
            safe.unlink()
        shutil.copy(path, folder / name / file)
        open_pipeline(GeneratorConfig(source=str(folder)))

    return open_it


def codebook(path, _):
    work = path.parent / "work"
    work.mkdir()
    shutil.copy(path, work / "free.codebook.pt")
    build("free", work, path.parent / "out")


DOORS = {
    "published weights": lambda path, _: load_state(path),
    "a pickled module": lambda path, _: pickled_state(path),
    "conversion": lambda path, _: convert(path),
    "a UNet": unet,
    "a LoRA": lora,
    "a UNet inside a pipeline": part_of_a_pipeline("unet", "diffusion_pytorch_model.bin"),
    "a text encoder inside a pipeline": part_of_a_pipeline("text_encoder", "pytorch_model.bin"),
    "Inception": lambda path, _: open_extractor(ADM, path, "cpu"),
    "a teacher in the making": lambda path, _: read_checkpoint(path, {"steps": 3}),
    "a codebook in the making": codebook,
}


class Odd:
    """Of no module that does harm, and none that weights need."""

    def __reduce__(self):
        return SimpleNamespace, ()


def ours_only(path):
    torch.save({"w": Odd()}, path)


def written(content):
    return lambda path: path.write_bytes(content)


DAMAGED = {
    "a class": ours_only,
    "text": written(b"hello"),
    "nothing": written(b""),
    "a plain pickle": lambda path: path.write_bytes(pickle.dumps([1, {"x": "y" * 5000}], protocol=4)),
    "a zip of nothing": written(b"PK\5\6" + bytes(18)),
}


@pytest.fixture(autouse=True)
def forget():
    locate.cache_clear()


def refused(door, path, pipeline_folder):
    with warnings.catch_warnings(record=True) as heard, pytest.raises(AssetError) as caught:
        warnings.simplefilter("always")
        DOORS[door](path, pipeline_folder)
    told = str(caught.value)
    assert "\n" not in told and "eights_only" not in told and "eights only" not in told and "rusted" not in told
    assert not [one for one in heard if "pickle protocol" in str(one.message)]
    return told


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("door", DOORS)
def test_a_file_that_would_run_code_is_refused_as_that(tmp_path, pipeline_folder, door, kind):
    told = refused(door, hostile(kind, tmp_path), pipeline_folder)
    assert "not loaded: the file would run code" in told and "etch" not in told
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("kind", DAMAGED)
@pytest.mark.parametrize("door", DOORS)
def test_another_file_is_told_in_one_line_without_torchs_advice(tmp_path, pipeline_folder, door, kind):
    path = tmp_path / "weights.pt"
    DAMAGED[kind](path)
    assert len(refused(door, path, pipeline_folder)) > 30


def as_bin(folder, target):
    """The same pipeline, its weights written by torch.save."""
    shutil.copytree(folder, target)
    for path in target.rglob("*.safetensors"):
        torch.save(load_file(path), path.with_name("pytorch_model.bin" if "text" in str(path) else f"{path.stem}.bin"))
        path.unlink()
    return target


def test_a_pipeline_of_bin_files_opens_without_advice_on_pickles(tmp_path, pipeline_folder):
    """In a process of its own, since diffusers logs to a standard error that it took when it was imported."""
    folder = as_bin(pipeline_folder, tmp_path / "bin")
    code = (
        "import logging, sys\nfrom fpd_bench.config.schema import GeneratorConfig\n"
        "from fpd_bench.generators.pipelines import open_pipeline\n"
        "open_pipeline(GeneratorConfig(source=sys.argv[1], unet=sys.argv[1] + '/unet'))\n"
        "logging.getLogger('diffusers.models').warning('later advice on allow_pickle')\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    assert said.count("allow_pickle") == 1 and "later advice" in said
    assert "unsafe" not in said and "trying to fetch" not in said and "eights_only" not in said
