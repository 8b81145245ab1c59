"""The CLIP colour classifier with a tiny random CLIP: wiring, crops, QuickGELU and caching."""

import json

import numpy as np
import open_clip
import pytest
import torch
from open_clip.transformer import QuickGELU
from PIL import Image

from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.evals.geneval import clip
from fpd_bench.evals.geneval.__main__ import main
from fpd_bench.evals.geneval.clip import ClipColours, templates
from fpd_bench.evals.geneval.folder import write_prompt
from fpd_bench.evals.geneval.prompt_grammar import COLOURS, colors, to_jsonl
from fpd_bench.evals.geneval.results_file import read
from fpd_bench.tracks.shapes.drawing import PALETTE, render

TINY = {
    "embed_dim": 64,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 4, "layers": 2},
}
NAME = "fpd-tiny-clip"


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of random weights of the registered tiny CLIP."""
    folder = tmp_path_factory.mktemp("clip")
    (folder / f"{NAME}.json").write_text(json.dumps(TINY))
    open_clip.add_model_config(folder)
    torch.manual_seed(0)
    network = open_clip.create_model(NAME, pretrained=None, force_quick_gelu=True)
    torch.save(network.state_dict(), folder / "tiny.pt")
    return str(folder / "tiny.pt")


@pytest.fixture(scope="module")
def colours(weights):
    return ClipColours(NAME, weights, batch=2)


def detection(x1, y1, x2, y2):
    return np.array([x1, y1, x2, y2, 0.9], dtype=np.float32), None


def test_what_is_said_of_an_object():
    said = [t.format(c="red") for t in templates("wine glass")]
    assert said == ["a photo of a red wine glass", "a photo of a red-colored wine glass", "a photo of a red object"]


def test_each_detection_gets_one_colour_of_its_own_crop(colours):
    image = np.zeros((48, 48, 3), dtype=np.uint8)
    image[:, :24], image[:, 24:] = PALETTE["red"], PALETTE["white"]
    boxes = [detection(0, 0, 24, 48), detection(24, 0, 48, 48), detection(0, 0, 24, 48)]
    named = colours.for_image(image)(boxes, "cat")
    assert len(named) == 3 and set(named) <= set(COLOURS) and named[0] == named[2]
    flat = [Image.new("RGB", (24, 48), PALETTE[c]) for c in ("red", "white")]
    assert named[:2] == colours.name_colours(flat, "cat")
    assert colours.for_image(image)([], "cat") == []


def test_it_is_the_argmax_of_the_ensembled_texts(colours):
    """By hand: normalised mean of three normalised texts per colour, against the normalised image."""
    tokenizer = open_clip.get_tokenizer(NAME)
    crop = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8))
    with torch.no_grad():
        text = [colours._network.encode_text(tokenizer([t.format(c=c) for t in templates("dog")])) for c in COLOURS]
        means = [torch.nn.functional.normalize(t, dim=-1).mean(0) for t in text]
        image = colours._network.encode_image(colours._transform(crop)[None])[0]
    scores = torch.stack([m / m.norm() for m in means]) @ image
    assert colours.name_colours([crop], "dog") == [COLOURS[int(scores.argmax())]]


def test_masked_crops_stand_on_grey(colours, monkeypatch):
    shown = []
    monkeypatch.setattr(colours, "name_colours", lambda crops, name: shown.extend(crops) or ["red"] * len(crops))
    image = render([{"shape": "circle", "color": "red", "cx": 16, "cy": 16, "r": 7}], 32, 134)
    mask = (image == PALETTE["red"]).all(axis=-1)
    colours.for_image(image)([(detection(8, 8, 24, 24)[0], mask)], "circle")
    pixels = np.asarray(shown[0])
    assert pixels.shape == (16, 16, 3)
    assert tuple(pixels[0, 0]) == (153, 153, 153) and tuple(pixels[8, 8]) == PALETTE["red"]


def test_quickgelu_is_there(colours, weights, monkeypatch):
    kinds = {type(m) for m in colours._network.modules()}
    assert QuickGELU in kinds and torch.nn.GELU not in kinds
    plain = open_clip.create_model_and_transforms

    def without(*args, force_quick_gelu, **options):
        return plain(*args, **options)

    monkeypatch.setattr(clip.open_clip, "create_model_and_transforms", without)
    with pytest.raises(ConfigError, match="QuickGELU"):
        ClipColours(NAME, weights)


def test_identity_names_weights_and_settings(colours, weights):
    again = ClipColours(NAME, weights, amp=True)
    assert again.identity["weights_sha256"] == colours.identity["weights_sha256"]
    assert (again.identity["amp"], colours.identity["amp"]) == ("False", "False")  # half precision is for a GPU


def test_missing_weights_are_an_asset_error(tmp_path):
    with pytest.raises(AssetError, match="--clip-weights FILE"):
        ClipColours(NAME, str(tmp_path / "nothing.pt"))


def test_clip_instead_of_the_detectors_own_colours(tmp_path, weights, colours, capsys):
    image = render([{"shape": "circle", "color": "red", "cx": 16, "cy": 16, "r": 7}], 32, 134)
    write_prompt(tmp_path / "images", 0, colors("circle", "red"), image[None])
    (tmp_path / "suite.jsonl").write_text(to_jsonl([colors("circle", "red")]))
    command = ["score", str(tmp_path / "images"), "--detector", "shapes", "--metadata", str(tmp_path / "suite.jsonl"),
               "--images-per-prompt", "1", "--clip", "--clip-model", NAME, "--clip-weights", weights,
               "--out", str(tmp_path / "out.jsonl")]  # fmt: skip
    assert main(command) == 0
    (row,) = read(tmp_path / "out.jsonl")
    (named,) = json.loads(row["colours"])["circle"]
    assert row["correct"] is (named == "red") and named in COLOURS
    rescored = ["rescore", str(tmp_path / "out.jsonl"), "--out", str(tmp_path / "again.jsonl")]
    assert main(rescored) == 0 and read(tmp_path / "again.jsonl") == [row]


def test_boxes_without_masks_are_cropped_whole_and_that_is_said(tmp_path, weights, colours, capsys):
    image = render([{"shape": "circle", "color": "red", "cx": 16, "cy": 16, "r": 7}], 32, 134)
    write_prompt(tmp_path / "images", 0, colors("circle", "red"), np.stack([image, image]))
    (tmp_path / "suite.jsonl").write_text(to_jsonl([colors("circle", "red")]))
    common = ["score", str(tmp_path / "images"), "--metadata", str(tmp_path / "suite.jsonl"), "--images-per-prompt",
              "2", "--clip", "--clip-model", NAME, "--clip-weights", weights]  # fmt: skip
    assert main([*common, "--detector", "shapes", "--out", str(tmp_path / "masked.jsonl")]) == 0
    assert "no masks" not in capsys.readouterr().err
    stored = ["--detector", "precomputed", "--weights", str(tmp_path / "masked.jsonl")]
    assert main([*common, *stored, "--out", str(tmp_path / "whole.jsonl")]) == 0
    assert capsys.readouterr().err.count("The detections have no masks, so CLIP is shown whole boxes") == 1
    manifest = json.loads((tmp_path / "whole.jsonl.manifest.json").read_text())
    assert manifest["detector"]["masks"] == "none" and manifest["colours"]["amp"] == "False"


def test_half_precision_is_the_default_where_genevals_code_runs(weights, monkeypatch):
    monkeypatch.setattr(clip, "_load", lambda model, weights, device: (torch.nn.Linear(1, 1), None))
    asked = {(device, amp): ClipColours(NAME, weights, device=device, amp=amp).identity["amp"]
             for device in ("cpu", "cuda", "cuda:1") for amp in (True, False)}  # fmt: skip
    assert asked == {key: str(key[0] != "cpu" and key[1]) for key in asked}
    assert ClipColours(NAME, weights, device="cuda").identity["amp"] == "True"


@pytest.mark.parametrize("content", [b"", b"words", b"PK\3\4" + bytes(50), b"\x80\x02cos\nsystem\nX\2\0\0\0ls\x85R."])
@pytest.mark.parametrize("name", ["tiny.pt", "tiny.safetensors"])
def test_damaged_weights_are_told_in_one_line(weights, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AssetError, match="Cannot load CLIP") as caught:
        ClipColours(NAME, str(tmp_path / name))
    assert "\n" not in str(caught.value) and "weights_only" not in str(caught.value)
