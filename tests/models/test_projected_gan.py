"""StyleGAN-XL's projected discriminator against the published implementation, and the parts around it."""

import pytest
import torch

from fpd_bench.errors import UnknownName
from fpd_bench.models.augment import blur, diff_augment
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
    torch.manual_seed(0)
    return ProjectedDiscriminator(pretrained=False)


def test_both_networks_judge_four_scales_and_pass_gradients_to_the_images(discriminator):
    images = torch.rand(2, 3, 32, 32, requires_grad=True)
    logits = discriminator(images, torch.Generator().manual_seed(0))
    assert [tuple(x.shape) for x in logits] == [(2, 64), (2, 64)]
    generator_hinge(logits).backward()
    assert images.grad.abs().sum() > 0 and images.grad.isfinite().all()


def test_only_the_heads_are_trained(discriminator):
    trained = {name.split(".")[0] for name, p in discriminator.named_parameters() if p.requires_grad}
    assert trained == {"heads"}
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
    net = ProjectedDiscriminator(("tf_efficientnet_lite0",), augment=False)
    optimizer = torch.optim.Adam((p for p in net.parameters() if p.requires_grad), lr=5e-5, betas=(0.0, 0.99))
    stripes, noise = (torch.arange(32) % 4 < 2).float().expand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
    losses = []
    for _ in range(3):
        loss = discriminator_hinge(net(stripes), net(noise))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[2] < 0.8 * losses[0], losses


def test_unknown_network():
    with pytest.raises(UnknownName, match="Did you mean 'tf_efficientnet_lite0'"):
        ProjectedDiscriminator(("tf_efficientnet_lite1",))


# ------------------------------------------------------------------------------------------- augmentation and blur
def test_augmentation_follows_its_generator_and_is_drawn_per_image():
    images = torch.rand(1, 3, 24, 24).expand(6, -1, -1, -1) * 2 - 1
    first, again, other = (diff_augment(images, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert all(not torch.equal(first[0], x) for x in first[1:])


def test_augmentation_cuts_shifts_and_keeps_gradients():
    images = torch.full((64, 3, 32, 32), 0.7, requires_grad=True)
    out = diff_augment(images, torch.Generator().manual_seed(0))
    grey = (out == 0).all(1).float().mean((1, 2))
    assert 0 < grey.min() < grey.mean() < 0.5 < 1  # a hole of at most a quarter, and a border of at most 1/8 a side
    assert (grey <= 0.25 + 2 * 0.125).all()
    values = [image[image != 0] for image in out.detach()]
    assert all(v.max() - v.min() < 1e-5 for v in values)  # colour acts on whole images
    assert len({round(v[0].item(), 4) for v in values}) > 60
    out.sum().backward()
    assert ((images.grad != 0).any(1).float().mean((1, 2)) > 0.4).all()


def test_translation_moves_the_picture_up_down_left_and_right():
    marked = torch.zeros(64, 3, 32, 32)
    marked[:, :, 16, 16] = 1.0
    out = diff_augment(marked, torch.Generator().manual_seed(3))
    far = (out - out.flatten(2).median(-1).values[..., None, None]).abs().sum(1)
    far[(out == 0).all(1)] = 0  # holes and borders
    places = [divmod(int(image.argmax()), 32) for image in far if image.max() > 0.3]
    rows, columns = {r for r, _ in places}, {c for _, c in places}
    assert rows == columns == set(range(12, 21))  # 16, give or take 32 / 8


def test_blur_has_the_published_profile():
    dot = torch.zeros(1, 3, 15, 15)
    dot[:, :, 7, 7] = 1.0
    out = blur(dot, 2.0)
    torch.testing.assert_close(out.sum((2, 3)), torch.ones(1, 3))
    row = out[0, 0, 7]
    assert (row[7 + 6] > 0) and row[0] == 0  # radius floor(3 sigma) = 6
    torch.testing.assert_close(row[7 + 2] / row[7], torch.tensor(0.5))  # 2^-(2 / 2)^2
    torch.testing.assert_close(out[0, 0], out[0, 0].T)
    assert blur(dot, 0.3) is dot
