"""The digits track beyond what every track promises: its language, its splits, its judge, the shipped networks."""

import numpy as np
import pytest
import torch

from fpd_bench.errors import ConfigError
from fpd_bench.tracks.digits import data
from fpd_bench.tracks.digits.track import DigitsTrack


@pytest.fixture(scope="module")
def shipped():
    return DigitsTrack()


def images_of(part):
    return {image.numpy().tobytes() for image in data.digits(part).images}


def test_classes_by_number_and_by_name(small_digits):
    condition = small_digits.condition(["7", "seven", " Seven "])
    assert condition.texts == ("7",) * 3 and condition.tensors["words"].tolist() == [[8]] * 3
    assert small_digits.null_condition(2).tensors["words"].tolist() == [[0], [0]]
    with pytest.raises(ConfigError, match="'ten' is not a digit. Use 0 to 9, or a name such as 'seven'."):
        small_digits.condition(["ten"])


def test_discriminators_and_pairs_see_the_train_part_only(small_digits, monkeypatch):
    drawn = small_digits.real_images(400, torch.Generator().manual_seed(0))
    pixels = (drawn[:, 0] * 255).round().to(torch.uint8)
    assert {image.numpy().tobytes() for image in pixels} <= images_of("train")
    seen = []
    monkeypatch.setattr(small_digits.tokenizer, "encode", lambda images: seen.append(images) or torch.zeros(3000, 16))
    small_digits.__dict__.pop("_codes", None)
    small_digits.pairs(5, 0)
    small_digits.__dict__.pop("_codes", None)
    assert {(image * 255).round().to(torch.uint8).numpy().tobytes() for image in seen[0][:, 0]} == images_of("train")


def test_pairs_take_each_image_once_before_any_comes_twice(small_digits):
    codes, condition = small_digits.pairs(3000, 0)
    labels = condition.tensors["words"][:, 0] - 1
    assert labels.bincount().tolist() == [300] * 10
    more, _ = small_digits.pairs(3500, 0)
    assert torch.equal(more[:3000], codes)


def test_a_pair_is_an_image_and_its_class(shipped):
    codes, condition = shipped.pairs(200, 0)
    images = shipped.tokenizer.decode(shipped.tokenizer.codebook[codes]).clamp(0, 1)
    assert accuracy(shipped, images, condition.tensors["words"][:, 0] - 1) > 0.95


def accuracy(track, images, labels):
    items = [track.suite("test").items[int(label) * 25] for label in labels]
    records = track.suite("test").score((images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy(), items)
    return float(np.mean([record["score"] for record in records]))


@pytest.mark.parametrize("part", ["validation", "heldout"])
def test_the_shipped_networks_are_as_good_on_new_images_as_the_model_card_says(part, shipped):
    real = data.digits(part)
    images = data.batch_of(real.images)
    codes = shipped.tokenizer.encode(images)
    with torch.inference_mode():
        made = shipped.tokenizer.decode(shipped.tokenizer.codebook[codes]).clamp(0, 1)
    assert accuracy(shipped, images, real.labels) > 0.96
    assert accuracy(shipped, made, real.labels) > 0.93
    assert (made - images).square().mean() < 0.012
    assert len(codes.unique()) > 200  # of 256


def test_the_teacher_collapses_with_few_steps(shipped):
    labels = torch.arange(10).repeat_interleave(5)
    condition = shipped.condition([str(label) for label in labels.tolist()])

    def score(steps):
        noise = [torch.Generator().manual_seed(i) for i in range(50)]
        codes = shipped.teacher_sample(condition, steps, noise)
        return accuracy(shipped, shipped.tokenizer.decode(shipped.tokenizer.codebook[codes]).clamp(0, 1), labels)

    assert score(16) > 0.85 and score(1) < score(16) - 0.2


@pytest.fixture(scope="module")
def clothes():
    return DigitsTrack("fashion")


def test_clothes_are_asked_for_by_name(clothes):
    condition = clothes.condition(["7", "sneaker", " Ankle boot "])
    assert condition.texts == ("sneaker", "sneaker", "ankle boot")
    assert condition.tensors["words"].tolist() == [[8], [8], [10]]
    with pytest.raises(
        ConfigError, match="'seven' is not a class of 'fashion'. Use 0 to 9, or a name such as 'sneaker'"
    ):
        clothes.condition(["seven"])
    items = clothes.suite("test").items
    assert [(item.prompt, item.metadata["label"]) for item in items[::100]] == [("t-shirt", 0), ("coat", 4), ("bag", 8)]


def test_the_networks_of_clothes_are_as_good_as_their_card_says(clothes):
    real = data.digits("heldout", "fashion")
    few = slice(None, None, 20)
    images = data.batch_of(real.images[few])
    codes = clothes.tokenizer.encode(images)
    with torch.inference_mode():
        made = clothes.tokenizer.decode(clothes.tokenizer.codebook[codes]).clamp(0, 1)
    assert accuracy(clothes, images, real.labels[few]) > 0.85
    assert accuracy(clothes, made, real.labels[few]) > 0.75
    assert (made - images).square().mean() < 0.02
    assert clothes.assets["digits/images"] != DigitsTrack().assets["digits/images"]
