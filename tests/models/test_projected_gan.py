"""StyleGAN-XL's projected discriminator against the published implementation, and the parts around it."""

import pytest
import torch

from fpd_bench.errors import UnknownName
from fpd_bench.models.projected_gan import (
    Head,
    ProjectedDiscriminator,
    RandomProjection,
    VitFeatures,
    discriminator_hinge,
    generator_hinge,
)


@pytest.fixture(scope="module")
def golden(golden_of):
    return golden_of("pgan")


@pytest.fixture
def head(golden):
    d = golden.config["single_disc"]
    head = Head(d["nc"], d["start_sz"], width=d["ndf"])
    head.load_state_dict(golden.part("head_before."))
    return head.train()


# ---------------------------------------------------------------------------------------------------------- golden
def test_channel_and_scale_mixing(golden):
    mix = RandomProjection(tuple(golden.config["in_channels"]), golden.config["cout"], golden.config["expand"])
    mix.load_state_dict(golden.part("proj."))
    assert mix.channels == golden.config["csm_out_channels"]
    for i, out in enumerate(mix([golden[f"proj_in.{i}"] for i in range(4)])):
        golden.check(out, f"proj_out.{i}")


def test_head_in_training_and_its_gradient(head, golden):
    x = golden["head_in"].clone().requires_grad_()
    out = head(x)
    golden.check(out, "head_out_train_mode")
    out.square().sum().backward()
    golden.check(x.grad, "head_grad_in")


def test_head_state_after_a_training_step_and_in_evaluation(head, golden):
    head(golden["head_in"])
    for name, value in head.state_dict().items():
        golden.check(value, f"head_after_one_train_forward.{name}")
    golden.check(head.eval()(golden["head_in"]), "head_out_eval_after")


def test_hinge_losses(golden):
    real, fake = [golden["loss.real0"], golden["loss.real1"]], [golden["loss.fake0"], golden["loss.fake1"]]
    golden.check(discriminator_hinge(real, fake)[None], "loss.D")
    golden.check(generator_hinge(fake)[None], "loss.G")


# ------------------------------------------------------------------------------------------------ the whole network
@pytest.fixture(scope="module")
def discriminator():
    return ProjectedDiscriminator(pretrained=False)


def test_both_networks_judge_four_scales_and_pass_gradients_to_the_images(discriminator):
    images = torch.rand(2, 3, 32, 32, requires_grad=True)
    logits = discriminator(images)
    assert [tuple(x.shape) for x in logits] == [(2, 64), (2, 64)]
    generator_hinge(logits).backward()
    assert images.grad.abs().sum() > 0 and images.grad.isfinite().all()


def test_only_the_heads_are_trained(discriminator):
    trained = {name.split(".")[0] for name, p in discriminator.named_parameters() if p.requires_grad}
    assert trained == {"heads"}
    assert len(list(discriminator.trained())) == len([p for p in discriminator.parameters() if p.requires_grad])
    discriminator.train()
    assert not any(m.training for projector in discriminator.projectors.values() for m in projector.modules())
    assert all(m.training for m in discriminator.heads.modules())


def test_heads_have_the_published_widths(discriminator):
    convolutions = {
        name: [list(m.weight.shape[:2]) for m in heads.modules() if isinstance(m, torch.nn.Conv2d)]
        for name, heads in discriminator.heads.items()
    }
    published = [[64, 64], [128, 64], [256, 128], [512, 256], [1, 512], [128, 64], [256, 128], [512, 256], [1, 512]]
    published += [[256, 128], [512, 256], [1, 512], [512, 256], [1, 512]]
    assert convolutions == dict.fromkeys(("deit_base_distilled_patch16_224", "tf_efficientnet_lite0"), published)


def test_vit_maps_have_four_strides(discriminator):
    features = discriminator.projectors["deit_base_distilled_patch16_224"].features
    assert isinstance(features, VitFeatures)
    with torch.no_grad():
        maps = features(torch.rand(1, 3, 224, 224))
    assert [tuple(m.shape[1:]) for m in maps] == [(96, 56, 56), (192, 28, 28), (384, 14, 14), (768, 7, 7)]


def test_vit_maps_are_the_outputs_of_blocks_2_5_8_and_11(discriminator):
    features = discriminator.projectors["deit_base_distilled_patch16_224"].features
    seen = {}
    hooks = [
        features.net.blocks[i].register_forward_hook(lambda m, x, out, i=i: seen.__setitem__(i, out)) for i in (2, 8)
    ]
    with torch.no_grad():
        maps = features(torch.rand(1, 3, 224, 224))
        for hook in hooks:
            hook.remove()
        patches = {i: out[:, 2:].transpose(1, 2).unflatten(2, (14, 14)) for i, out in seen.items()}  # 2 special tokens
        torch.testing.assert_close(maps[0], features.resize[0](features.project[0](patches[2])))
        torch.testing.assert_close(maps[2], features.project[2](patches[8]))


def test_light_version_learns_to_tell_noise_from_stripes():
    torch.manual_seed(0)
    net = ProjectedDiscriminator(("tf_efficientnet_lite0",))
    optimizer = torch.optim.Adam(net.trained(), lr=5e-5, betas=(0.0, 0.99))
    stripes, noise = (torch.arange(32) % 4 < 2).float().expand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
    losses = []
    for _ in range(3):
        loss = discriminator_hinge(net(stripes), net(noise))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[2] < 0.8 * losses[0], losses


def test_frozen_parts_come_from_the_seed_alone():
    torch.manual_seed(1)
    first, again, other = (ProjectedDiscriminator(("tf_efficientnet_lite0",), seed=s).state_dict() for s in (3, 3, 4))
    assert all(torch.equal(first[k], again[k]) for k in first)
    mixing = "projectors.tf_efficientnet_lite0.mix.layer0_ccm.weight"
    assert not torch.equal(first[mixing], other[mixing])
    assert torch.initial_seed() == 1 and torch.equal(torch.rand(2), torch.rand(2, generator=torch.manual_seed(1)))


def test_each_network_gets_an_augmentation_of_its_own(discriminator):
    images, seen = torch.rand(2, 3, 32, 32), []

    def augment(x):
        seen.append(x)
        return x * 0

    with torch.no_grad():
        logits = discriminator.eval()(images, augment)
        black = discriminator(images * 0)
    assert len(seen) == 2 and all(x is images for x in seen)
    torch.testing.assert_close(logits, black)


def test_unknown_network():
    with pytest.raises(UnknownName, match="Did you mean 'tf_efficientnet_lite0'"):
        ProjectedDiscriminator(("tf_efficientnet_lite1",))
