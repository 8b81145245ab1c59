"""Mask2Former's read-out against what mmdet's rules say, and a tiny random network through the whole backend."""

import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation, SwinConfig

from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.evals.geneval.detectors import backend
from fpd_bench.evals.geneval.mask2former import instances, prepare
from fpd_bench.evals.geneval.prompt_grammar import CLASSES


def tiny(labels=80):
    swin = SwinConfig(
        embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=4, image_size=32,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )  # fmt: skip
    config = Mask2FormerConfig(
        backbone_config=swin, num_labels=labels, hidden_dim=32, feature_size=32, mask_feature_size=32, num_queries=7,
        encoder_layers=1, decoder_layers=2, num_attention_heads=2, dim_feedforward=16, encoder_feedforward_dim=16,
    )  # fmt: skip
    torch.manual_seed(0)
    return Mask2FormerForUniversalSegmentation(config)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mask2former")
    tiny().save_pretrained(folder)
    return str(folder)


def logits(*rows):
    """Class logits [Q, 81] from {class index: probability} per query; the rest goes to 'nothing'."""
    table = torch.full((len(rows), 81), 1e-9)
    for q, row in enumerate(rows):
        for index, p in row.items():
            table[q, index] = p
        table[q, 80] = 1 - sum(row.values())
    return table.log()


def test_boxes_scores_and_masks_of_known_logits():
    masks = torch.full((2, 16, 16), -20.0)
    masks[0, 4:12, 2:8] = 20.0
    masks[1, 0:16, 12:16] = 20.0
    seen = instances(logits({15: 0.8, 16: 0.15}, {0: 0.6}), masks, (16, 16), (16, 16), (16, 16))
    found = {name: [box.tolist() for box, _ in items] for name, items in seen.detections.items() if items}
    confident = {name: boxes[0] for name, boxes in found.items() if boxes[0][4] > 0.05}
    assert set(confident) == {"cat", "dog", "person"}  # one query may show two classes
    assert confident["cat"] == pytest.approx([2, 4, 8, 12, 0.8], abs=1e-4)  # right and bottom exclusive
    assert confident["dog"] == pytest.approx([2, 4, 8, 12, 0.15], abs=1e-4)
    assert confident["person"] == pytest.approx([12, 0, 16, 16, 0.6], abs=1e-4)
    mask = next(m for box, m in seen.detections["cat"] if box[4] > 0.5)
    assert mask.dtype == bool and mask.sum() == 8 * 6


def test_the_score_counts_how_sure_the_mask_is():
    masks = torch.full((1, 8, 8), -1.0)
    masks[0, 2:6, 2:6] = 1.0
    seen = instances(logits({0: 0.5}), masks, (8, 8), (8, 8), (8, 8), floor=0.1)
    (box, _), = seen.detections["person"]  # fmt: skip
    assert box[4] == pytest.approx(0.5 * torch.sigmoid(torch.tensor(1.0)).item(), abs=1e-5)


def test_padding_is_cut_off_before_the_image_size():
    """A 16 x 24 picture inside a 32 x 32 input: its right half must come back as its right half."""
    masks = torch.full((1, 32, 32), -20.0)
    masks[0, :16, 12:24] = 20.0
    masks[0, 16:, :] = 20.0  # in the padding only
    seen = instances(logits({0: 0.9}), masks, (32, 32), (16, 24), (32, 48), floor=0.1)
    (box, _), = seen.detections["person"]  # fmt: skip
    assert box[:4].tolist() == [24, 0, 48, 32]


def test_no_more_than_a_hundred_and_the_floor_changes_nothing_above_it():
    torch.manual_seed(1)
    classes, masks = torch.randn(20, 81) * 3, torch.randn(20, 8, 8) * 5

    def strong(floor):
        seen = instances(classes, masks, (8, 8), (8, 8), (8, 8), floor)
        found = [(name, box) for name, items in seen.detections.items() for box, _ in items]
        return len(found), [(name, box) for name, box in found if box[4] > 0.1]

    count, above = strong(0.0)
    _, again = strong(0.1)
    assert count == 100 and 0 < len(above) < 100
    assert [name for name, _ in again] == [name for name, _ in above]
    assert np.allclose([box for _, box in again], [box for _, box in above])


def test_an_empty_mask_has_no_box():
    seen = instances(logits({0: 0.9}), torch.full((1, 8, 8), -5.0), (8, 8), (8, 8), (8, 8), floor=0.1)
    (box, mask), = seen.detections["person"]  # fmt: skip
    assert box.tolist() == [0, 0, 0, 0, 0] and not mask.any()


@pytest.mark.parametrize(
    ("size", "inner", "padded"),
    [
        ((512, 512), (800, 800), (800, 800)),
        ((100, 300), (444, 1333), (448, 1344)),
        ((640, 480), (1067, 800), (1088, 800)),
    ],
)
def test_the_input_size_is_mmdets(size, inner, padded):
    image = torch.full((1, 3, *size), 124, dtype=torch.uint8)
    inputs, found = prepare(image, 800, 1333)
    assert found == inner and tuple(inputs.shape[-2:]) == padded
    assert inputs[0, 0, 0, 0].item() == pytest.approx((124 - 123.675) / 58.395, abs=1e-6)
    assert (inputs[..., inner[0] :, :] == 0).all() and (inputs[..., :, inner[1] :] == 0).all()


def test_a_tiny_network_end_to_end(weights):
    detector = backend("mask2former-hf", weights=weights, short=64, long=128, floor=0.0)
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, shape, dtype=np.uint8) for shape in [(32, 32, 3), (32, 48, 3), (32, 32, 3)]]
    together = detector.see(images, ["a", "b", "c"])
    for image, seen in zip(images, together, strict=True):
        assert list(seen.detections) == list(CLASSES)
        (alone,) = detector.see([image], ["x"])
        found, other = ([item for items in s.detections.values() for item in items] for s in (seen, alone))
        assert len(found) == len(other) == 100
        assert np.allclose(sorted(box[4] for box, _ in found), sorted(box[4] for box, _ in other), atol=1e-3)
        for box, mask in found:
            assert mask.shape == image.shape[:2]
            assert 0 <= box[0] <= box[2] <= image.shape[1] and 0 <= box[1] <= box[3] <= image.shape[0]
    assert len(detector.identity["weights_sha256"]) == 64


def test_weights_that_do_not_fit(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(AssetError, match="--weights FOLDER"):
        backend("mask2former-hf", weights=str(tmp_path / "nothing"))
    tiny(labels=5).save_pretrained(tmp_path / "five")
    with pytest.raises(ConfigError, match="knows 5 classes"):
        backend("mask2former-hf", weights=str(tmp_path / "five"))


DAMAGED = {
    "half a file": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "nothing": lambda path: path.write_bytes(b""),
    "words": lambda path: path.write_bytes(b"words"),
    "a pickle": lambda path: path.rename(path.with_name("pytorch_model.bin")).write_bytes(b"\x80\x02cos\nsystem\n."),
    "no configuration": lambda path: path.with_name("config.json").write_text("[1"),
    "one tensor less": lambda path: save_file(
        {name: value for name, value in load_file(path).items() if name != "class_predictor.bias"},
        path, metadata={"format": "pt"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", DAMAGED)
def test_damaged_weights_are_told_in_one_line(weights, tmp_path, how):
    shutil.copytree(weights, tmp_path / "net")
    DAMAGED[how](tmp_path / "net/model.safetensors")
    with pytest.raises(AssetError) as caught:
        backend("mask2former-hf", weights=str(tmp_path / "net"))
    assert "\n" not in str(caught.value) and "weights_only" not in str(caught.value)
    assert how != "one tensor less" or "lack 1 tensors, such as class_predictor.bias" in str(caught.value)
