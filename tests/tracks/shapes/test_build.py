"""The recipe of the assets: through its command, killed and gone on with, and what it refuses."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fpd_bench.errors import AssetError
from fpd_bench.registry import tracks
from fpd_bench.tracks import training
from fpd_bench.tracks.__main__ import main
from fpd_bench.tracks.shapes import build
from fpd_bench.tracks.shapes.assets import FOLDER, load_preset
from fpd_bench.tracks.shapes.build import RECIPES, Recipe
from fpd_bench.tracks.shapes.language import draw_scenes
from fpd_bench.tracks.shapes.textures import choose_textures
from fpd_bench.tracks.shapes.track import ShapesTrack
from fpd_bench.tracks.shapes.world import PRESETS

ROOT = Path(__file__).parents[3]
TINY = Recipe(steps=4, batch=4, width=16, depth=1, heads=2)


@pytest.fixture(autouse=True)
def tiny_recipe(monkeypatch):
    monkeypatch.setitem(RECIPES, "coarse", TINY)


def test_the_command_builds_assets_that_load(tmp_path, capsys):
    work, out = tmp_path / "work", tmp_path / "out"
    arguments = ["build", "shapes", "--preset", "coarse", "--steps", "3", "--threads", "1"]
    assert main([*arguments, "--work", str(work), "--out", str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out / "coarse.safetensors")
    _, teacher, _ = load_preset("coarse", PRESETS["coarse"], out)
    assert teacher.shape.width == 16
    assert json.loads((out / "manifest.json").read_text())["coarse.safetensors"]["shape"]["depth"] == 1


def build_coarse(folder, *options, out=None):
    places = ["--work", str(folder / "work"), "--out", str(out or folder / "out")]
    return main(["build", "shapes", "--preset", "coarse", "--threads", "1", *options, *places])


def test_a_checkpoint_of_another_recipe_or_a_broken_one_is_not_gone_on_with(tmp_path, capsys):
    assert build_coarse(tmp_path, "--steps", "3") == 0
    assert build_coarse(tmp_path, "--steps", "2") == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "made by another recipe (steps 3, asked 2)" in said and "rm '" in said
    checkpoint = tmp_path / "work/coarse.teacher.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    assert build_coarse(tmp_path, "--steps", "3") == 2
    assert "coarse.teacher.pt' cannot be read" in capsys.readouterr().err.splitlines()[-1]


def test_a_place_that_cannot_be_written_is_told_before_the_training(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(build.TeacherTraining, "advance", None)  # a step would be a TypeError
    assert build_coarse(tmp_path, out=Path("/proc/nowhere")) == 2
    assert "Cannot write the assets" in capsys.readouterr().err


def test_the_assets_may_be_read_by_others(tmp_path):
    assert build_coarse(tmp_path, "--steps", "1") == 0
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "out/coarse.safetensors").stat().st_mode & 0o777 == 0o666 & ~umask


class Killed(Exception):
    """Stands for the end of the process."""


def test_a_killed_build_ends_with_the_same_file(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_EVERY", 2)
    whole = build.build("coarse", tmp_path / "a", tmp_path / "whole").read_bytes()

    def die(step, steps, loss):
        if step == 3:  # one step behind the last checkpoint
            raise Killed

    with pytest.raises(Killed):
        build.build("coarse", tmp_path / "b", tmp_path / "killed", progress=die)
    steps = []
    again = build.build("coarse", tmp_path / "b", tmp_path / "killed", progress=lambda step, *_: steps.append(step))
    assert steps == [3, 4]
    assert again.read_bytes() == whole


def test_the_seed_decides(tmp_path):
    first, other = (
        build.build("coarse", tmp_path / f"work{seed}", tmp_path / f"out{seed}", replace(TINY, steps=1, seed=seed))
        for seed in (0, 1)
    )
    assert first.read_bytes() != other.read_bytes()


def test_a_textured_teacher_begins_as_the_plain_one_for_which_synonyms_are_equal():
    plain_track, world = ShapesTrack("plain"), PRESETS["textured"]
    teacher = build.start_from_shipped("plain", world)
    draw = torch.Generator().manual_seed(0)
    codes, condition = draw_scenes(6, plain_track.world, draw, plain_track.tokenizer.codebook)
    hidden = torch.rand(codes.shape, generator=draw) < 0.5
    woven = choose_textures(codes, world, draw).masked_fill(hidden, world.codes)
    with torch.no_grad():
        expected = plain_track.teacher(codes.masked_fill(hidden, plain_track.n_codes), condition).softmax(-1)
        found = teacher(woven, condition).softmax(-1).unflatten(-1, (-1, world.textures))
    torch.testing.assert_close(found.sum(-1), expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found[..., 0], found[..., -1])


def test_every_preset_has_a_recipe():
    assert set(RECIPES) == set(PRESETS)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["coarse", "large", "free"])
def test_a_preset_without_assets_is_built_by_its_command_and_opens(name, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(RECIPES, name, TINY)
    monkeypatch.setattr(build, "FIT_SCENES", 40)
    with pytest.raises(AssetError, match=f"python -m fpd_bench.tracks build shapes --preset {name}"):
        ShapesTrack(name, tmp_path / "out")
    command = ["build", "shapes", "--preset", name, "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out")]
    assert main(command) == 0
    track, facts = ShapesTrack(name, tmp_path / "out"), tracks.declaration("shapes").presets[name]
    draw = torch.Generator().manual_seed(0)
    assert (track.n_tokens, track.backbone.valid_blocks) == (facts.tokens, facts.blocks)
    assert track.real_images(2, draw).shape == (2, 3, facts.pixels, facts.pixels)
    condition = track.draw_conditions(2, draw)
    codes = track.teacher_sample(condition, 2, [torch.Generator().manual_seed(i) for i in range(2)])
    images = track.tokenizer.decode(track.tokenizer.codebook[codes], condition)
    suite = track.suite("validation")
    records = suite.score((images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy(), list(suite.items[:2]))
    assert all(0 <= record["score"] <= 1 for record in records)
    assert torch.equal(track.tokenizer.encode(images), codes)


WRONG = {
    "Unknown track that can be built 'shaeps'. Did you mean 'shapes'?": ["build", "shaeps"],
    "Unknown preset of track shapes 'coars'. Did you mean 'coarse'?": ["build", "shapes", "--preset", "coars"],
    "--steps must be 1 or more; got 0.": ["build", "shapes", "--steps", "0"],
    "--threads must be 1 or more; got 0.": ["build", "shapes", "--threads", "0"],
    "Cannot write the assets: ": [
        "build",
        "shapes",
        "--preset",
        "coarse",
        "--work",
        "/proc/none",
        "--out",
        "/proc/none",
    ],
}


@pytest.mark.parametrize("message", WRONG)
def test_a_mistake_is_told_and_exit_code_2(capsys, message):
    assert main(WRONG[message]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["build"], ["build", "shapes", "--steps", "many"], ["rebuild"]])
def test_a_command_that_cannot_be_parsed_is_exit_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2 and "All words: python -m fpd_bench.tracks" in capsys.readouterr().err


def test_help_needs_no_torch():
    code = (
        "import sys\nfrom fpd_bench.tracks.__main__ import main\n"
        "try: main(['build', '--help'])\nexcept SystemExit: pass\n"
        "main(['build', 'shapes', '--preset', 'coars'])\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_the_scattered_teacher_is_the_plain_one_with_its_rows_repeated(tmp_path):
    file = build.build("scattered", tmp_path / "work", tmp_path / "out")
    assert file.read_bytes() == (FOLDER / "scattered.safetensors").read_bytes()
    track, plain_track = ShapesTrack("scattered"), ShapesTrack("plain")
    assert track.world.agree == "token" and torch.equal(
        track.tokenizer.codebook, ShapesTrack("textured").tokenizer.codebook
    )
    condition, masked = track.null_condition(2), torch.full((2, 16), track.n_codes)
    law = track.teacher(masked, condition).softmax(-1).unflatten(-1, (-1, track.world.textures)).sum(-1)
    expected = plain_track.teacher(torch.full((2, 16), plain_track.n_codes), condition).softmax(-1)
    torch.testing.assert_close(law, expected, atol=1e-4, rtol=1e-3)
