"""The adversary learns, teaches, resumes exactly, and its augmentations are seeded and differentiable."""

import itertools

import pytest
import torch

from fpd_bench.config.schema import GanConfig
from fpd_bench.distill.adversary import Adversary, blur, diff_augment, hinge_discriminator, hinge_generator
from fpd_bench.distill.augmentation import Augmentation
from fpd_bench.models.backbones import FeatureBackbone


@pytest.fixture(scope="module")
def backbone():
    return FeatureBackbone(blocks=[1, 2, 3])


def stripes(n, vertical, seed):
    """Noisy stripes of random phase: the same colours, another direction."""
    g = torch.Generator().manual_seed(seed)
    phase = torch.rand(n, 1, 1, generator=g) * 6.28
    wave = (torch.arange(32) * 0.8 + phase).sin().expand(n, 32, 32)
    image = wave if vertical else wave.transpose(1, 2)
    return (0.5 + 0.4 * image[:, None].expand(n, 3, 32, 32) + 0.05 * torch.randn(n, 3, 32, 32, generator=g)).clamp(0, 1)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_hinge_losses():
    real, fake = [torch.tensor([2.0, 0.0])], [torch.tensor([-3.0, 1.0])]
    assert hinge_discriminator(real, fake).item() == pytest.approx(0.5 + 1.0)
    assert hinge_generator(fake).item() == pytest.approx(1.0)
    many = [torch.zeros(2, 1, 9, 9), torch.ones(2, 1, 1, 1)]
    assert hinge_generator(many).item() == pytest.approx(-0.5)  # a head counts once, whatever the size of its map


def test_discriminator_learns_and_its_gradient_points_to_the_real_images(backbone):
    adversary = Adversary(backbone, GanConfig(weight=0.1, lr=2e-3), steps=30, seed=0)
    history = [adversary.discriminator_step(stripes(8, True, s), stripes(8, False, 1000 + s)) for s in range(30)]
    assert sum(h["d_margin"] for h in history[-5:]) / 5 > 1 > history[0]["d_margin"]
    assert history[-1]["d_loss"] < history[0]["d_loss"]
    assert history[0]["d_blur"] == 1.0 and history[-1]["d_blur"] == 0.0
    with torch.no_grad():
        unseen_fake, unseen_real = (adversary.generator_loss(stripes(16, v, 9)).item() for v in (False, True))
    assert unseen_fake > unseen_real


def test_student_gets_a_gradient_and_the_discriminator_none(backbone):
    adversary = Adversary(backbone, GanConfig(), steps=10)
    before = [p.clone() for p in adversary.discriminator.parameters()]
    fake = stripes(4, False, 0).requires_grad_()
    adversary.generator_loss(fake).backward()
    assert fake.grad.isfinite().all() and fake.grad.abs().sum() > 0
    assert all(p.grad is None for p in adversary.discriminator.parameters())
    assert all(torch.equal(*pair) for pair in zip(before, adversary.discriminator.parameters(), strict=True))


def test_only_the_heads_are_trained(backbone):
    adversary = Adversary(backbone, GanConfig(), steps=10)
    frozen = [p.clone() for p in adversary.discriminator.projections.parameters()]
    heads = [p.clone() for p in adversary.discriminator.trained()]
    fake = stripes(4, False, 0).requires_grad_()
    adversary.discriminator_step(stripes(4, True, 0), fake)
    assert fake.grad is None
    assert all(torch.equal(a, b) for a, b in zip(frozen, adversary.discriminator.projections.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(heads, adversary.discriminator.trained(), strict=True))


def test_resuming_gives_the_numbers_of_an_uninterrupted_run(backbone):
    real, fake = stripes(4, True, 0), stripes(4, False, 0)
    whole = Adversary(backbone, GanConfig(), steps=10, seed=3)
    whole.discriminator_step(real, fake)
    resumed = Adversary(backbone, GanConfig(), steps=10, seed=3)
    resumed.load_state_dict(whole.state_dict())
    assert resumed.discriminator_step(real, fake) == whole.discriminator_step(real, fake)
    assert resumed.generator_loss(fake).item() == whole.generator_loss(fake).item()


def test_same_seed_same_adversary_and_the_global_stream_is_untouched(backbone):
    state = torch.get_rng_state()
    a, b, c = (Adversary(backbone, GanConfig(), steps=1, seed=s) for s in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    x = stripes(2, True, 0)
    assert a.generator_loss(x).item() == b.generator_loss(x).item() != c.generator_loss(x).item()


def test_blur():
    x = stripes(2, True, 0)
    assert blur(x, 0.0) is x
    flat = torch.full((1, 3, 32, 32), 0.3)
    torch.testing.assert_close(blur(flat, 2.0)[..., 6:-6, 6:-6], flat[..., 6:-6, 6:-6])
    torch.testing.assert_close(blur(flat + 0.2, 2.0), flat + 0.2)  # mid-grey in mid-grey
    assert blur(x, 2.0).std() < blur(x, 0.5).std() < x.std()
    assert blur(x, 2.0).shape == x.shape
    spot = torch.zeros(1, 3, 33, 33)
    spot[..., 16, 16] = 1
    out = blur(spot, 2.0)[0, 0]
    assert out[16, 18] / out[16, 16] == pytest.approx(0.5, rel=1e-4)  # 2^-(2/2)^2
    torch.testing.assert_close(out, out.T)


@pytest.mark.parametrize("sigma", [0.4, 1.0, 2.0])
def test_blur_is_the_published_one_up_to_the_border(sigma):
    """StyleGAN-XL filters images in [-1, 1] and takes zeros for what lies outside: pixel by pixel, in float64."""
    image, radius = stripes(1, True, 0)[:, :, :12, :9].double(), int(3 * sigma)
    k = [2 ** -((i / sigma) ** 2) for i in range(-radius, radius + 1)]
    signed, expected = image[0] * 2 - 1, torch.zeros(3, 12, 9, dtype=torch.float64)
    for y, x in itertools.product(range(12), range(9)):
        for i, j in itertools.product(range(-radius, radius + 1), repeat=2):
            if 0 <= y + i < 12 and 0 <= x + j < 9:
                expected[:, y, x] += k[i + radius] * k[j + radius] / sum(k) ** 2 * signed[:, y + i, x + j]
    torch.testing.assert_close(blur(image, sigma)[0], (expected + 1) / 2)


@pytest.mark.parametrize("size", [(32, 24), (36, 20), (256, 256)])
def test_the_hole_is_a_fifth_of_each_side_as_published(size):
    """DiffAugment's cutout as StyleGAN-XL sets it: int(.2 side + .5) px, its centre anywhere, clipped."""
    holes = [int(0.2 * side + 0.5) for side in size]
    whole = Augmentation(
        torch.full((1, 3), 0.5),
        torch.tensor([[int(side / 8 + 0.5) for side in size]]),
        torch.tensor([[s // 2 for s in size]]),
    )  # no colour, no shift, in the middle
    picture = torch.ones(1, 3, *size)
    picture[..., 0, 0] = 0.0
    gone = whole(picture)[0, 0] == 0.5
    assert [int(gone.any(1).sum()), int(gone.any(0).sum())] == holes and int(gone.sum()) == holes[0] * holes[1]
    centres = Augmentation.draw(4000, size, seeded()).hole
    assert centres.amin(0).tolist() == [0, 0]
    assert centres.amax(0).tolist() == [side - hole % 2 for side, hole in zip(size, holes, strict=True)]


def test_no_blur_when_the_schedule_is_empty(backbone):
    assert Adversary(backbone, GanConfig(blur_fraction=0.0), steps=10).blur_sigma == 0.0


def test_augmentation_is_seeded_keeps_shape_and_passes_gradients():
    x = torch.rand(6, 3, 32, 24, generator=seeded()).requires_grad_()
    out = diff_augment(x, seeded(1))
    assert out.shape == x.shape
    assert torch.equal(out, diff_augment(x, seeded(1)))
    assert not torch.equal(out, diff_augment(x, seeded(2)))
    out.square().sum().backward()
    assert x.grad.isfinite().all() and (x.grad.abs().flatten(1).sum(1) > 0).all()


def test_augmentation_treats_every_image_differently_and_cuts_grey_holes():
    x = torch.rand(1, 3, 32, 32, generator=seeded()).expand(32, 3, 32, 32)
    out = diff_augment(x, seeded(0))
    assert len({round(v, 6) for v in out.mean((1, 2, 3)).tolist()}) == 32
    grey = ((out - 0.5).abs() < 1e-6).all(1).float().mean((1, 2))
    assert (grey > 0.005).all() and 0.02 < grey.mean() < 0.3  # the hole, a 25th of an image, and what was moved in
