"""Images made elsewhere, in GenEval's layout and in a flat folder: the suite's order, complete or refused."""

import os

import numpy as np
import pytest
from PIL import Image

from fpd_bench.bench import Item, Suite
from fpd_bench.config.availability import require_files
from fpd_bench.config.check import check
from fpd_bench.config.schema import GeneratorConfig, RunConfig
from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.evals.geneval.folder import write_prompt
from fpd_bench.generators.image_folder import FolderGenerator
from fpd_bench.models.condition import Condition
from tests.files.made import PICTURE, deep, encoded

PROMPTS = ("a red circle", "two blue squares", "a cat")
SUITE = Suite("test", tuple(Item(str(i), text, {}) for i, text in enumerate(PROMPTS)), Condition(PROMPTS, {}), None)
SHADES = [[10 * item + replicate for replicate in range(2)] for item in range(3)]


def grey(shade, side=8):
    return np.full((side, side, 3), shade, dtype=np.uint8)


def shades(root, begin=0, replicates=2):
    generator = FolderGenerator(RunConfig(method="folder", generator=GeneratorConfig(source=str(root))))
    return [int(image[0, 0, 0]) for image in generator.images(SUITE, replicates, begin)]


@pytest.fixture
def geneval(tmp_path):
    """Prompts in another order than the suite's."""
    for index, item in enumerate((2, 0, 1)):
        write_prompt(tmp_path, index, {"prompt": PROMPTS[item]}, np.stack([grey(s) for s in SHADES[item]]))
    Image.fromarray(grey(255)).save(tmp_path / "00000/grid.png")
    return tmp_path


@pytest.fixture
def flat(tmp_path):
    for n, shade in enumerate(shade for pair in SHADES for shade in pair):
        Image.fromarray(grey(shade)).save(tmp_path / f"{n:05}.png")
    return tmp_path


def test_images_come_in_the_suites_order(geneval):
    assert shades(geneval) == [0, 1, 10, 11, 20, 21]
    assert shades(geneval, begin=4) == [20, 21]
    assert shades(geneval, replicates=1) == [0, 10, 20]


def test_a_flat_folder_is_read_by_name(flat):
    assert shades(flat) == [0, 1, 10, 11, 20, 21]


def test_an_incomplete_folder_is_refused_whatever_is_missing(geneval, flat):
    (geneval / "00001/samples/00001.png").unlink()
    with pytest.raises(ConfigError, match="has 1 images of 'a red circle', suite 'test' needs 2"):
        shades(geneval)
    (geneval / "00001/metadata.jsonl").write_text('{"prompt": "a cat"}')
    with pytest.raises(ConfigError, match="both hold images of the prompt 'a cat'"):
        shades(geneval)
    (geneval / "00001/metadata.jsonl").write_text("{}")
    with pytest.raises(AssetError, match="must hold one JSON object with a prompt"):
        shades(geneval)


def test_a_flat_folder_must_have_the_right_number(flat):
    (flat / "00003.png").unlink()
    with pytest.raises(ConfigError, match="holds 5 images; suite 'test' has 3 prompts x .*=2 = 6"):
        shades(flat)


def test_sizes_may_not_differ_also_when_a_run_goes_on(flat):
    Image.fromarray(grey(3, side=9)).save(flat / "00005.png")
    for begin in (0, 4):
        with pytest.raises(ConfigError, match="00005.png' has 9 x 9 px, .*00000.png' has 8 x 8"):
            shades(flat, begin)


def test_the_hash_follows_the_images(flat):
    def digest():
        return FolderGenerator(RunConfig(method="folder", generator=GeneratorConfig(source=str(flat)))).assets

    before = digest()
    assert digest() == before
    Image.fromarray(grey(99)).save(flat / "00005.png")
    assert digest() != before


def ready(config):
    """What is told of a run before it begins."""
    check(config)
    require_files(config)


def test_settings_of_a_pipeline_are_refused(flat):
    with pytest.raises(ConfigError, match="reads only generator.source, so generator.steps makes no difference"):
        ready(RunConfig(method="folder", generator=GeneratorConfig(source=str(flat), steps=4)))
    with pytest.raises(ConfigError, match="generator.source='nowhere' is not a folder"):
        ready(RunConfig(method="folder", generator=GeneratorConfig(source="nowhere")))


def test_numbers_are_read_as_numbers_or_refused(tmp_path):
    for n, shade in enumerate(shade for pair in SHADES for shade in pair):
        Image.fromarray(grey(shade)).save(tmp_path / f"image-{n + 7}.png")  # 7 8 9 10 11 12: by name 10 comes first
    with pytest.raises(ConfigError, match="by name 'image-10.png' comes before 'image-7.png'.*same number of digits"):
        shades(tmp_path)
    for path in sorted(tmp_path.iterdir()):
        path.rename(path.with_name(f"image-{int(path.stem[6:]):03}.png"))
    assert shades(tmp_path) == [0, 1, 10, 11, 20, 21]


def test_genevals_numbers_may_have_any_number_of_digits(geneval):
    for folder in geneval.iterdir():
        samples = folder / "samples"
        (samples / "00000.png").rename(samples / "9.png")
        (samples / "00001.png").rename(samples / "10.png")
    assert shades(geneval) == [0, 1, 10, 11, 20, 21]


@pytest.mark.parametrize("name", ["x.gif", "x.tif", "x.npy", "x.png.part"])
def test_images_that_are_not_read_are_not_left_out(flat, name):
    (flat / name).write_bytes((flat / "00000.png").read_bytes())
    with pytest.raises(AssetError, match=f"{name}' may hold images"):
        shades(flat)


def odd(path, kind):
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.write_bytes({"empty": b"", "text": b"x", "16 bits": deep(0, 1), "half": encoded(PICTURE)[:-30]}[kind])


@pytest.mark.parametrize("kind", ["folder", "pipe", "empty", "text", "16 bits", "half"])
@pytest.mark.parametrize("layout", ["flat", "geneval"])
def test_an_odd_image_is_refused_in_one_line(request, layout, kind):
    root = request.getfixturevalue(layout)
    odd(root / ("00003.png" if layout == "flat" else "00001/samples/00000.png"), kind)
    with pytest.raises(AssetError) as caught:
        shades(root)
    assert ".png'" in str(caught.value) and "\n" not in str(caught.value)


def test_what_a_link_leads_to_counts_in_the_hash_and_hidden_folders_do_not(flat, tmp_path_factory):
    def digest():
        return FolderGenerator(RunConfig(method="folder", generator=GeneratorConfig(source=str(flat)))).assets

    before = digest()
    (flat / ".ipynb_checkpoints").mkdir()
    Image.fromarray(grey(9)).save(flat / ".ipynb_checkpoints/a.png")
    assert digest() == before
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    Image.fromarray(grey(9)).save(elsewhere / "a.png")
    (flat / "linked").symlink_to(elsewhere)
    assert digest() != before


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[" * 100_000, b"[]", b'{"prompt": 3}', b'{"prompt": null}', b""])
def test_a_prompt_that_is_none_is_refused_in_one_line(geneval, content):
    (geneval / "00001/metadata.jsonl").write_bytes(content)
    with pytest.raises(AssetError) as caught:
        shades(geneval)
    assert "00001/metadata.jsonl" in str(caught.value) and "\n" not in str(caught.value)
