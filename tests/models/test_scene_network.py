"""Phi of the shapes track's domain: through the same doors as any backbone, its weights shipped and known by hash."""

import hashlib

import pytest
import torch

from fpd_bench.config.check import check
from fpd_bench.config.compose import compose
from fpd_bench.config.schema import DriftConfig
from fpd_bench.distill.spaces import FeatureSpace
from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.models import scene_network
from fpd_bench.models.backbones import FeatureBackbone
from fpd_bench.models.named_backbone import backbone_assets, open_backbone
from fpd_bench.registry import tracks
from fpd_bench.runs.execute.backbone_check import check_backbone


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Weights of an untrained network, in the place of the shipped ones."""
    torch.manual_seed(0)
    stored = scene_network.store_weights(scene_network.SceneNetwork(), tmp_path)
    monkeypatch.setattr(scene_network, "FILE", stored)
    return stored


@pytest.fixture
def backbone(file):
    return open_backbone("shapes")


def images(n=2):
    return torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_it_has_four_stages_that_halve_the_image(backbone):
    assert backbone.valid_blocks == (0, 1, 2, 3)
    found = {block: tuple(x.shape[1:]) for block, x in backbone(images()).items()}
    assert found == {0: (32, 16, 16), 1: (64, 8, 8), 2: (96, 4, 4), 3: (128, 2, 2)}


def test_its_weights_are_those_of_the_file_and_the_hash_that_runs_record(file, backbone):
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert backbone_assets("shapes") == {"backbone/shapes": digest}
    network = scene_network.SceneNetwork()
    network.load_state_dict(scene_network.shipped_weights())
    expected = network.stages(images() * 2 - 1)
    for block, found in backbone(images()).items():
        torch.testing.assert_close(found, expected[block], atol=1e-5, rtol=1e-4)


def test_other_blocks_have_the_same_features(backbone):
    torch.testing.assert_close(backbone.select([2])(images())[2], backbone(images())[2], atol=1e-5, rtol=1e-4)


def test_grid_and_pooled_and_gradients(backbone):
    x = images().requires_grad_()
    grid = FeatureSpace.on_backbone(backbone, DriftConfig(backbone="shapes", grid=4))(x)
    pooled = FeatureSpace.on_backbone(backbone, DriftConfig(backbone="shapes", grid=0))(x)
    assert [tuple(f.shape[1:]) for f in grid.values()] == [(16, 32), (16, 64), (16, 96), (4, 128)]
    assert all(f.shape[1] == 1 for f in pooled.values())
    sum(f.square().sum() for f in grid.values()).backward()
    assert (x.grad.abs().sum((1, 2, 3)) > 0).all()


def test_what_is_shipped_knows_synonyms_from_other_patches():
    """Deep features of a woven scene lie nearer to the same scene in other textures than to other scenes."""
    from fpd_bench.tracks.shapes.language import draw_things
    from fpd_bench.tracks.shapes.textures import choose_textures
    from fpd_bench.tracks.shapes.tokenizer import PatchTokenizer, draw_codebook, tokens_of
    from fpd_bench.tracks.shapes.world import PRESETS

    backbone = open_backbone("shapes")
    world, draw = PRESETS["textured"], torch.Generator().manual_seed(0)
    codebook = draw_codebook(world)
    tokenizer = PatchTokenizer(codebook, world.side, world.patch)
    plain = tokens_of(draw_things(24, world, draw)[0], world, codebook)
    textured = [codebook[choose_textures(plain, world, draw)] for _ in range(2)]
    one, two = (backbone(tokenizer.decode(embeddings))[3].flatten(1) for embeddings in textured)
    gaps = torch.cdist(one, two)
    assert gaps.diagonal().mean() < gaps.mean()


def test_a_run_may_ask_for_it_by_name_and_for_no_block_that_it_lacks(file):
    config = compose(["track.preset=textured", "drift.backbone=shapes"])
    check(config)
    check_backbone(config, here=True)
    with pytest.raises(ConfigError, match=r"drift.blocks \[4\] are not blocks of backbone 'shapes'"):
        check_backbone(compose(["drift.backbone=shapes", "drift.blocks=[4]"]), here=False)


def test_lite0_stays_the_tracks_own():
    assert tracks.get("shapes")("plain").backbone.name == "tf_efficientnet_lite0"


def test_a_foreign_or_missing_file_is_told(file):
    FeatureBackbone("shapes")
    file.write_bytes(b"something else")
    with pytest.raises(AssetError, match="has sha256 .*, but manifest.json says"):
        FeatureBackbone("shapes")
    file.unlink()
    with pytest.raises(AssetError, match="tracks build shapes --part backbone"):
        FeatureBackbone("shapes")


def test_the_recipe_is_resumable_and_repeatable(tmp_path):
    from fpd_bench.tracks.shapes.backbone_training import BackboneRecipe, BackboneTraining, build_backbone

    recipe = BackboneRecipe(steps=3, batch=4)
    whole = build_backbone(tmp_path / "a", tmp_path / "whole", recipe)
    training = BackboneTraining(recipe)
    training.advance()
    training.save(tmp_path / "b.pt")
    again = BackboneTraining(recipe)
    again.load(tmp_path / "b.pt")
    again.advance()
    again.advance()
    (tmp_path / "c").mkdir()
    again.save(tmp_path / "c" / "phi.pt")
    assert build_backbone(tmp_path / "c", tmp_path / "resumed", recipe).read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("labels", [False, True])
def test_both_objectives_learn(labels):
    from fpd_bench.tracks.shapes.backbone_training import BackboneRecipe, BackboneTraining

    training = BackboneTraining(BackboneRecipe(steps=12, batch=8, labels=labels))
    losses = [training.advance()[0] for _ in range(12)]
    assert sum(losses[-3:]) < sum(losses[:3])
