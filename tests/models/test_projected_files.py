"""The projected discriminator from files in the published layout: a random, narrow DeiT trains for a few steps."""

import json
import math

import pytest
import timm
import torch
from safetensors.torch import save_file

from fpd_bench.config.availability import require_files
from fpd_bench.config.compose import compose
from fpd_bench.config.schema import GanConfig
from fpd_bench.distill.adversary import Adversary
from fpd_bench.distill.trainer import Training
from fpd_bench.errors import AssetError
from fpd_bench.models.backbones import FeatureBackbone

PROJECTED = ["gan.weight=0.1", "gan.discriminator=projected"]
SMALL = [
    "track.preset=coarse", "drift.space=pixel", "drift.blocks=[]", "drift.grid=4", "optim.steps=4", "optim.batch=4",
    "optim.warmup=0", "optim.clip=0", "optim.samples_per_condition=2", "execution.grid_every=0",
]  # fmt: skip
NARROW = {"embed_dim": 24, "num_heads": 3}


@pytest.fixture
def setup_fpd(small_track):
    """setup_fpd(*overrides): the gradient of a student's first step, as one vector."""

    def gradient(*overrides):
        training = Training(compose([*SMALL, *overrides]), small_track)
        training.optimizer.step = lambda: None
        training.advance()
        return torch.cat([p.grad.flatten() for p in training.student.parameters() if p.grad is not None])

    return gradient


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """$FPD_WEIGHTS with a narrow DeiT under the name of the published one."""
    folder = tmp_path / "deit_base_distilled_patch16_224.fb_in1k"
    folder.mkdir()
    network = timm.create_model("deit_base_distilled_patch16_224", **NARROW)
    save_file(network.state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_args": NARROW}))
    monkeypatch.setenv("FPD_WEIGHTS", str(tmp_path))
    return tmp_path


@pytest.mark.slow
def test_it_trains_on_both_networks_and_teaches(weights):
    gan = GanConfig(weight=0.1, discriminator="projected", lr=2e-3, blur_sigma=2.0)
    adversary = Adversary(FeatureBackbone(blocks=[1], input_size=32), gan, steps=10, seed=0)
    real, fake = torch.rand(2, 3, 32, 32), torch.zeros(2, 3, 32, 32, requires_grad=True)
    before = {name: value.clone() for name, value in adversary.discriminator.state_dict().items()}
    rows = [adversary.discriminator_step(real, fake) for _ in range(2)]
    assert all(math.isfinite(row["d_loss"]) for row in rows) and rows[0]["d_blur"] == 2.0
    changed = {name for name, value in adversary.discriminator.state_dict().items() if not value.equal(before[name])}
    assert changed and all(name.startswith("heads.") for name in changed)
    assert len(adversary.draw(2, real).augmentations) == 2  # each network sees the images in its own way
    adversary.generator_loss(fake).backward()
    assert fake.grad.abs().sum() > 0
    again = Adversary(FeatureBackbone(blocks=[1], input_size=32), gan, steps=10, seed=0)
    again.load_state_dict(adversary.state_dict())
    assert again.discriminator_step(real, fake) == adversary.discriminator_step(real, fake)


@pytest.mark.slow
def test_the_student_learns_from_heads_in_training_mode_as_published(weights):
    """Batch norms take the statistics of the drafts at hand: with running ones the gradient points elsewhere."""
    gan = GanConfig(weight=0.1, discriminator="projected", lr=2e-3, blur_sigma=0.0)
    adversary, other = (Adversary(FeatureBackbone(blocks=[1], input_size=32), gan, steps=10, seed=0) for _ in range(2))
    for _ in range(2):
        adversary.discriminator_step(torch.rand(4, 3, 32, 32), torch.rand(4, 3, 32, 32) / 2)
    drafts = (torch.rand(4, 3, 32, 32) / 2).requires_grad_()
    views = adversary.draw(4, drafts)

    def gradient(train):
        other.load_state_dict(adversary.state_dict())
        critic = other.discriminator
        critic.heads.train(train)
        looks = iter(views.augmentations)
        loss = sum(-logits.mean() for logits in critic(drafts, lambda image: next(looks)(image))) / 2
        return torch.autograd.grad(loss, drafts)[0]

    published, running = gradient(True), gradient(False)
    torch.testing.assert_close(adversary.pull(drafts, views), published)
    assert torch.nn.functional.cosine_similarity(running.flatten(), published.flatten(), dim=0) < 0.95


@pytest.mark.slow
def test_micro_batches_do_not_change_what_the_heads_see(weights, setup_fpd):
    """Batch norms look at all drafts of a step, however many are drafted at a time."""
    whole, parts = (setup_fpd(*PROJECTED, f"execution.micro_batch={size}") for size in (0, 2))
    torch.testing.assert_close(parts, whole, rtol=1e-3, atol=1e-4 * float(whole.abs().max()))


def test_a_missing_file_is_named_with_where_it_is_published(tmp_path, monkeypatch):
    monkeypatch.setenv("FPD_WEIGHTS", str(tmp_path))
    with pytest.raises(AssetError, match="DeiT-B distilled: .*model.safetensors is missing. Run: hf download timm/"):
        require_files(compose(PROJECTED))
    monkeypatch.delenv("FPD_WEIGHTS")
    with pytest.raises(AssetError, match="FPD_WEIGHTS is not set"):
        require_files(compose(PROJECTED))
    require_files(compose(["gan.discriminator=projected"]))  # weight 0: nothing is asked for
