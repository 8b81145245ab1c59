"""Near-synonymous codes: what they show, who shares a texture, and that the detector reads through them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fpd_bench.config.check import check
from fpd_bench.config.compose import compose
from fpd_bench.config.identity import run_id
from fpd_bench.evals.geneval.detectors import score_images
from fpd_bench.registry import tracks
from fpd_bench.tracks.shapes.geneval_backend import ShapesBackend
from fpd_bench.tracks.shapes.language import draw_scenes, draw_things
from fpd_bench.tracks.shapes.prompts import scene_of, splits
from fpd_bench.tracks.shapes.textures import MOST, Textures, choose_textures, plain_codes, textures_of
from fpd_bench.tracks.shapes.tokenizer import PatchTokenizer, draw_codebook, tokens_of
from fpd_bench.tracks.shapes.track import RADIUS_GATE
from fpd_bench.tracks.shapes.world import PRESETS, preset

WORLD = PRESETS["textured"]


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


def scenes(n, world=WORLD, seed=0):
    codebook = draw_codebook(world)
    return draw_scenes(n, world, draw(seed), codebook)[0]


def test_every_patch_has_its_synonyms_and_no_two_codes_look_alike():
    codebook = draw_codebook(WORLD)
    assert len(codebook) == WORLD.codes == WORLD.textures * len(draw_codebook(PRESETS["plain"]))
    assert codebook.min() >= 0 and codebook.max() <= 1
    gaps = (codebook[:, None] - codebook[None]).abs().amax(-1) + torch.eye(len(codebook))
    assert gaps.min() > 0.1


@pytest.mark.parametrize("n", range(2, MOST + 1))
def test_a_filter_takes_any_texture_out_again(n):
    textures = Textures(n, 0.5)
    grey = torch.full((1, 192), 0.4)
    codes = torch.arange(n)[:, None].expand(n, 16)
    woven = PatchTokenizer(textures.add_to(grey, 8), 4, 8).decode(textures.add_to(grey, 8)[codes])
    torch.testing.assert_close(textures.remove_from(woven), torch.full((n, 3, 32, 32), 0.4), atol=1e-5, rtol=0)
    assert (woven.std((2, 3)) > 0.2).all() and len({image.numpy().tobytes() for image in woven}) == n


def test_codes_show_what_the_plain_world_shows():
    things, _ = draw_things(20, WORLD, draw())
    codes = scenes(20)
    assert torch.equal(plain_codes(codes, WORLD), tokens_of(things, PRESETS["plain"], draw_codebook(PRESETS["plain"])))


def textures_by_place(codes):
    """[n, 4 places, 4 tokens]."""
    return (codes % WORLD.textures).view(-1, 2, 2, 2, 2).transpose(2, 3).reshape(-1, 4, 4)


def test_textures_agree_within_an_object_an_image_or_not_at_all():
    empty = torch.zeros(200, 16, dtype=torch.long)
    full = torch.tensor([[1, 2, 1, 2], [3, 4, 3, 4]]).repeat(2, 1).flatten().expand(200, 16)
    by = {agree: replace(WORLD, agree=agree) for agree in ("token", "object", "image")}
    drawn = {agree: textures_by_place(choose_textures(full, world, draw())) for agree, world in by.items()}
    same = {agree: (places == places[..., :1]).all(-1) for agree, places in drawn.items()}
    assert same["object"].all() and same["image"].all() and same["token"].float().mean() < 0.1
    first = {agree: places[..., 0] for agree, places in drawn.items()}
    whole = {agree: (one == one[:, :1]).all(-1).float().mean().item() for agree, one in first.items()}
    assert whole["image"] == 1 and whole["object"] < 0.1
    background = textures_by_place(choose_textures(empty, by["object"], draw()))
    assert (background == background[:, :1, :1]).all()


def test_every_texture_is_as_likely():
    counts = torch.bincount((scenes(400) % WORLD.textures).flatten(), minlength=WORLD.textures) / 6400
    assert (counts - 1 / WORLD.textures).abs().max() < 0.05


def test_a_plain_world_draws_the_numbers_that_it_always_drew():
    world = PRESETS["plain"]
    generator, again = draw(), draw()
    codes, _ = draw_scenes(5, world, generator, draw_codebook(world))
    things, _ = draw_things(5, world, again)
    assert torch.equal(codes, tokens_of(things, world, draw_codebook(world)))
    assert torch.equal(generator.get_state(), again.get_state()) and textures_of(world) is None


@pytest.mark.parametrize("agree", ["token", "object", "image"])
def test_the_detector_reads_real_scenes(agree):
    world = replace(WORLD, agree=agree)
    prompts = splits(world)["validation"]
    things = [scene_of(prompt, world, np.random.default_rng(i)) for i, prompt in enumerate(prompts)]
    codebook = draw_codebook(world)
    codes = choose_textures(tokens_of(things, world, codebook), world, draw())
    images = PatchTokenizer(codebook, world.side, world.patch).decode(codebook[codes]).mul(255).round() / 255
    pixels = textures_of(world).remove_from(images).mul(255).round().byte().permute(0, 2, 3, 1).numpy()
    low, high = (factor * world.radius for factor in RADIUS_GATE)
    detector = ShapesBackend(world.shapes, world.colours, (low, high))
    records = score_images(pixels, [prompt.metadata for prompt in prompts], detector)
    assert np.mean([record["score"] for record in records]) >= 0.97


def test_default_is_another_name_of_one_world(monkeypatch):
    """The old ids of the plain world stay its own, whatever `default` is later."""
    plain_id, woven = run_id(compose(["track.preset=plain"])), run_id(compose(["track.preset=textured"]))
    scattered = run_id(compose(["track.preset=scattered"]))
    assert run_id(compose([])) == scattered and len({plain_id, woven, scattered}) == 3
    assert compose([]).track.preset == "scattered"
    check(compose(["track.preset=textured"]))
    declared = replace(tracks.declaration("shapes"), default="textured")
    monkeypatch.setattr(tracks, "declaration", lambda name: declared)
    assert run_id(compose([])) == woven and run_id(compose(["track.preset=plain"])) == plain_id
    assert preset("default") is WORLD
