"""One code per patch: the codebook's order, exact round trips, linear decoding."""

import pytest
import torch

from fpd_bench.registry import tracks
from fpd_bench.tracks.shapes.tokenizer import PatchTokenizer, draw_codebook
from fpd_bench.tracks.shapes.world import PRESETS, Thing, codes_of


@pytest.fixture(scope="module", params=["coarse", "plain"])
def world(request):
    return PRESETS[request.param]


@pytest.fixture(scope="module")
def tokenizer(world):
    return PatchTokenizer(draw_codebook(world), world.side, world.patch)


def test_a_row_for_every_code_and_no_two_alike(world, tokenizer):
    codebook = tokenizer.codebook
    assert codebook.shape == (world.codes, 3 * world.patch**2) and codebook.dtype == torch.float32
    assert codebook.min() >= 0 and codebook.max() <= 1
    assert len(torch.unique(codebook, dim=0)) == world.codes


def test_code_zero_is_background(world, tokenizer):
    assert (tokenizer.codebook[0] == world.background / 255).all()


def test_every_code_survives_a_round_trip_anywhere(world, tokenizer):
    codes = torch.arange(world.codes).repeat_interleave(world.tokens).reshape(-1, world.tokens)
    codes = torch.cat([codes, torch.arange(3 * world.tokens).reshape(3, -1) % world.codes])
    assert torch.equal(tokenizer.encode(tokenizer.decode(tokenizer.codebook[codes])), codes)


def test_a_little_noise_does_not_change_the_code(world, tokenizer):
    codes = torch.arange(world.tokens)[None] % world.codes
    images = tokenizer.decode(tokenizer.codebook[codes])
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0)) * 0.01
    assert torch.equal(tokenizer.encode(images + noise), codes)


def test_an_object_is_drawn_where_its_tokens_are(world, tokenizer):
    shape, colour = world.shapes.index("square"), world.colours.index("red")
    grid = torch.from_numpy(codes_of([Thing(shape, colour, 2, 0)], world))
    image = tokenizer.decode(tokenizer.codebook[grid.reshape(1, -1)])[0]
    assert image.shape == (3, world.pixels, world.pixels)
    inside = image[:, 3 * world.patch, world.patch]  # the middle of the object, row first
    assert inside[0] > inside[1] + 0.3 and inside[0] > inside[2] + 0.3
    background = image.clone()
    background[:, 2 * world.patch : 4 * world.patch, : 2 * world.patch] = world.background / 255
    assert (background == world.background / 255).all()


def test_decoding_is_linear(tokenizer, world):
    a, b = torch.rand(2, 1, world.tokens, tokenizer.codebook.shape[1], generator=torch.Generator().manual_seed(0))
    mixed = tokenizer.decode(0.3 * a + 0.7 * b)
    torch.testing.assert_close(mixed, 0.3 * tokenizer.decode(a) + 0.7 * tokenizer.decode(b))


def test_codes_survive_decoding_and_encoding(small_track):
    track, draw = small_track, torch.Generator().manual_seed(0)
    codes = torch.randint(track.n_codes, (6, track.n_tokens), generator=draw)
    images = track.tokenizer.decode(track.tokenizer.codebook[codes], track.null_condition(6))
    assert torch.equal(track.tokenizer.encode(images), codes)


@pytest.mark.parametrize("preset", tracks.declaration("shapes").shipped)
def test_images_of_the_world_are_made_of_its_codes(preset):
    track = tracks.get("shapes")(preset)
    images = track.real_images(6, torch.Generator().manual_seed(0))
    again = track.tokenizer.codebook[track.tokenizer.encode(images)]
    torch.testing.assert_close(track.tokenizer.decode(again), images)
