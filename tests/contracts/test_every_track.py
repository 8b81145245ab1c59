"""What every track promises, on the tracks of this tree: tokenizer, teacher, conditions, suites and sampling."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import fpd_bench
from fpd_bench.bench import Suite
from fpd_bench.config.schema import StartConfig
from fpd_bench.distill.starts import LAWS
from fpd_bench.metrics import CLASSES, FIDELITY, GENEVAL, HELDOUT, LAYOUTS, VENDI, get_or_plain, given_by
from fpd_bench.models.streams import generator_of
from fpd_bench.registry import tracks
from fpd_bench.runs.perform.suite_images import run_images, sample_one_step, to_pixels
from fpd_bench.tracks.shipped_assets import verify

DECLARED = {name: tracks.declaration(name) for name in tracks.in_this_tree}
SHIPPING = [name for name, declared in DECLARED.items() if declared.shipped]


# Those that need published weights are held to the same, with small ones, in tests/tracks/paper_contract.py.
@pytest.fixture(scope="module", params=[name for name, declared in DECLARED.items() if not declared.published])
def track(request):
    """Every track that can be opened with nothing but the package, at the preset that is its default."""
    return tracks.get(request.param)(DECLARED[request.param].default)


def test_what_is_declared_agrees_with_the_track(track):
    declared = DECLARED[track.name]
    sizes = declared.presets[track.preset]
    pixels = track.real_images(1, torch.Generator().manual_seed(0)).shape[-1]
    assert (sizes.tokens, sizes.pixels, sizes.blocks) == (track.n_tokens, pixels, track.backbone.valid_blocks)
    maps = track.backbone(torch.rand(1, 3, pixels, pixels))
    assert sizes.maps(maps) == {block: features.shape[-1] for block, features in maps.items()}
    for split in ("test", "validation"):
        suite = track.suite(split)
        assert declared.items.get(split, len(suite.items)) == len(suite.items)
        assert bool({GENEVAL, CLASSES} & set(declared.evaluations)) == (suite.score is not None)
        assert bool({FIDELITY, HELDOUT} & set(declared.evaluations)) == (suite.measure is not None)


def test_images_lie_in_the_unit_range(track):
    images = track.real_images(4, torch.Generator().manual_seed(0))
    assert images.shape[:2] == (4, 3) and images.min() >= 0 and images.max() <= 1
    assert len(track.tokenizer.codebook) == track.n_codes


def test_decoding_is_differentiable(track):
    embeddings = torch.rand(2, track.n_tokens, track.tokenizer.codebook.shape[1], requires_grad=True)
    track.tokenizer.decode(embeddings, track.null_condition(2)).square().sum().backward()
    assert (embeddings.grad.abs().sum((1, 2)) > 0).all()


def test_the_teacher_reads_codes_masks_and_mixtures(track):
    draw = torch.Generator().manual_seed(0)
    tokens = torch.randint(track.n_codes + 1, (3, track.n_tokens), generator=draw)
    condition = track.draw_conditions(3, draw)
    logits = track.teacher(tokens, condition)
    assert logits.shape == (3, track.n_tokens, track.n_codes)
    one_hot = F.one_hot(tokens, track.n_codes + 1).float()
    torch.testing.assert_close(track.teacher(one_hot, condition), logits, rtol=1e-4, atol=1e-4)
    half = (one_hot + one_hot.roll(1, 0)) / 2
    assert torch.isfinite(track.teacher(half, condition)).all()


def test_the_teacher_hears_its_condition(track):
    masked = torch.full((2, track.n_tokens), track.n_codes)
    draw = torch.Generator().manual_seed(0)
    said, unsaid = (track.teacher(masked, c) for c in (track.draw_conditions(2, draw), track.null_condition(2)))
    assert not torch.allclose(said, unsaid)


def test_a_student_is_the_teacher_made_trainable(track):
    student = track.new_student()
    assert all(parameter.requires_grad for parameter in student.parameters())
    assert not any(parameter.requires_grad for parameter in track.teacher.parameters())
    ours, theirs = student.state_dict(), track.teacher.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert {value.data_ptr() for value in ours.values()}.isdisjoint({value.data_ptr() for value in theirs.values()})


def test_training_conditions_and_images_come_from_their_generator(track):
    def draw(seed):
        generator = torch.Generator().manual_seed(seed)
        return track.draw_conditions(8, generator).texts, track.real_images(2, generator)

    (texts, images), (same, again), (others, _) = draw(0), draw(0), draw(1)
    assert texts == same and torch.equal(images, again) and texts != others


def test_pairs_are_codes_of_their_conditions_and_come_from_their_seed(track):
    codes, condition = track.pairs(40, 0)
    assert codes.shape == (40, track.n_tokens) and codes.dtype == torch.long and len(condition) == 40
    assert codes.min() >= 0 and codes.max() < track.n_codes
    again, same = track.pairs(40, 0)
    others, _ = track.pairs(40, 1)
    assert torch.equal(codes, again) and condition.texts == same.texts and not torch.equal(codes, others)
    assert track.condition(condition.texts).tensors.keys() == condition.tensors.keys()
    for name, tensor in track.condition(condition.texts).tensors.items():
        assert torch.equal(tensor, condition.tensors[name])


def test_conditions_can_be_cut_and_put_into_words(track):
    condition = track.suite("test").condition
    assert track.condition(condition.texts[:3]).tensors.keys() == condition.tensors.keys()
    for name, tensor in track.condition(condition.texts[:3]).tensors.items():
        assert torch.equal(tensor, condition[:3].tensors[name])
    assert condition[[2, 0]].repeat(2).texts == tuple(condition.texts[i] for i in (2, 2, 0, 0))


@pytest.mark.parametrize("split", ["test", "validation"])
def test_a_suite_names_its_items_once_and_scores_images(split, track):
    suite = track.suite(split)
    assert len({item.id for item in suite.items}) == len(suite.items) == len(suite.condition)
    assert tuple(item.prompt for item in suite.items) == suite.condition.texts
    chosen = [suite.items[0], suite.items[-1]]
    images = (track.real_images(2, torch.Generator().manual_seed(0)) * 255).round().to(torch.uint8)
    images = images.permute(0, 2, 3, 1).numpy()
    records = suite.score(images, chosen)
    assert [set(record) >= {"score", "task", "detail"} for record in records] == [True, True]
    assert all(0 <= record["score"] <= 1 for record in records)
    json.dumps(records)


def test_splits_have_names_of_their_own(track):
    assert track.suite("test").name != track.suite("validation").name


def test_assets_are_named_with_their_hashes(track):
    assert track.assets and all(len(digest) == 64 and int(digest, 16) >= 0 for digest in track.assets.values())


def test_the_teachers_images_do_not_depend_on_the_batch(track):
    suite = track.suite("validation")
    condition = suite.condition[:5]

    def sample(rows):
        noise = [generator_of(0, suite.name, suite.items[i].id, 0) for i in rows]
        return track.teacher_sample(condition[rows], 3, noise)

    whole = sample([0, 1, 2, 3, 4])
    assert whole.shape == (5, track.n_tokens) and whole.min() >= 0 and whole.max() < track.n_codes
    assert torch.equal(sample([4, 2]), whole[[4, 2]])
    assert torch.equal(sample([3]), whole[[3]])


@pytest.mark.parametrize("student", [True, False], ids=["student", "teacher"])
def test_the_images_of_a_run_do_not_depend_on_shards_or_order(student, track, monkeypatch):
    from fpd_bench.config.compose import compose
    from fpd_bench.runs.perform import suite_images

    config = compose(["track.preset=coarse", "evaluation.teacher_steps=2"])
    whole = track.suite("test")
    network = track.new_student().eval() if student else None

    def images(order, batch):
        monkeypatch.setattr(suite_images, "BATCH", batch)
        part = Suite(whole.name, tuple(whole.items[i] for i in order), whole.condition[order], whole.score)
        return {(order[i], k): image for i, k, image in run_images(config, track, network, part, 2)}

    first, second = images([0, 1, 2, 3], 128), images([3, 1, 0], 2)
    assert all(np.array_equal(image, first[key]) for key, image in second.items())
    assert not np.array_equal(first[0, 0], first[0, 1])


def test_a_suite_says_how_much_its_pictures_differ(track):
    asked = {LAYOUTS, VENDI} & set(DECLARED[track.name].evaluations)
    suite = track.suite("validation")
    assert bool(asked) == (suite.diversity is not None)
    if not asked:
        return
    codes, condition = track.pairs(3, 0)
    two = to_pixels(track, codes[[0, 0, 1, 2]], condition[[0, 0, 1, 2]])
    rows = suite.diversity([two[:2], two[2:]])
    assert [row["metric"] for row in rows] == given_by(*asked)
    assert all(row["n"] == 4 and get_or_plain(row["metric"]).least <= row["value"] < 2 for row in rows)


@pytest.mark.parametrize("law", LAWS)
def test_one_step_samples_are_codes(law, track):
    noise = [generator_of(0, "x", str(i), 0) for i in range(3)]
    start = StartConfig(codes=law)
    codes = sample_one_step(track, track.new_student(), track.suite("test").condition[:3], start, noise)
    assert codes.shape == (3, track.n_tokens) and codes.min() >= 0 and codes.max() < track.n_codes


@pytest.mark.parametrize("name", SHIPPING)
def test_the_shipped_assets_are_what_their_manifest_says(name):
    folder = Path(fpd_bench.__file__).parent / "tracks" / name / "assets"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert sorted(manifest) == sorted(file.name for file in folder.glob("*.safetensors"))
    for file, entry in manifest.items():
        assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == entry["sha256"], file


@pytest.mark.parametrize(("name", "preset"), [(name, preset) for name in SHIPPING for preset in DECLARED[name].shipped])
def test_the_shipped_tracks_open(name, preset):
    verify(name, preset)
    track = tracks.get(name)(preset)
    named = dict(track.assets)
    assert any(file.startswith(f"{name}/") for file in named)
    pixels = DECLARED[name].presets[preset].pixels
    images = track.real_images(6, torch.Generator().manual_seed(0))
    assert images.shape == (6, 3, pixels, pixels)
    assert track.backbone.valid_blocks and track.assets == named  # an attempt's record is written before the backbone


@pytest.mark.parametrize("name", tracks.in_this_tree)
@pytest.mark.parametrize("part", ["blueprint", "judge", "verify", "prompts", "build"])
def test_the_functions_that_a_declaration_names_exist(name, part):
    named = getattr(DECLARED[name], part)
    assert callable(tracks.load(name, part)) if named else tracks.load(name, part) is None
