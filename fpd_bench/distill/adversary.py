"""The optional adversarial term L_gan (Sec. 3.4): hinge losses, augmentation and blur of what the discriminator sees.

Letters: B batch, H x W pixels; images lie in [0, 1].
"""

import copy
import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from fpd_bench.config.schema import GanConfig
from fpd_bench.models.backbones import FeatureBackbone
from fpd_bench.models.discriminator import ProjectedDiscriminator
from fpd_bench.models.projected_gan import discriminator_hinge, generator_hinge


class Adversary:
    """Owner of the discriminator: trains it, and gives the student its L_gan.

    steps: length of the whole training, for the blur schedule. Each `discriminator_step` counts as one step.
    """

    def __init__(self, backbone: FeatureBackbone, gan: GanConfig, steps: int, seed: int = 0):
        self.gan = gan
        self.steps = steps
        self.step = 0
        device = next(backbone.parameters()).device
        self.discriminator = ProjectedDiscriminator(backbone, seed=seed).to(device)
        self.optimizer = torch.optim.Adam(self.discriminator.trained(), lr=gan.lr, betas=(0.0, 0.99), eps=1e-8)
        self.generator = torch.Generator().manual_seed(seed)  # of the augmentations

    def discriminator_step(self, real: Tensor, fake: Tensor) -> dict[str, float]:
        """One Adam step on real and (detached) fake images [B, 3, H, W]; returns the loss and the margins."""
        self.discriminator.heads.train().requires_grad_(True)
        on_real, on_fake = self._judge(real.detach()), self._judge(fake.detach())
        loss = hinge_discriminator(on_real, on_fake)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        real_mean, fake_mean = (torch.stack([m.mean() for m in maps]).mean().item() for maps in (on_real, on_fake))
        stats = {
            "d_loss": loss.item(),
            "d_real": real_mean,
            "d_fake": fake_mean,
            "d_margin": real_mean - fake_mean,
            "d_blur": self.blur_sigma,
        }
        self.step += 1
        return stats

    def generator_loss(self, fake: Tensor) -> Tensor:
        """L_gan [] of student images [B, 3, H, W], not yet weighted by lambda; the discriminator gets no gradient."""
        self.discriminator.heads.eval().requires_grad_(False)  # eval: no power iteration of the spectral norms
        return hinge_generator(self._judge(fake))

    @property
    def blur_sigma(self) -> float:
        """Width of the blur in px: linearly from gan.blur_sigma to 0 over the first gan.blur_fraction of training."""
        end = self.gan.blur_fraction * self.steps
        return self.gan.blur_sigma * max(0.0, 1 - self.step / end) if end > 0 else 0.0

    def state_dict(self) -> dict[str, Any]:
        """Everything that training changes; the frozen parts come from the seed and the backbone."""
        return {
            "heads": self.discriminator.heads.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "step": self.step,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue exactly where `state_dict` was taken."""
        self.discriminator.heads.load_state_dict(state["heads"])
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))  # Adam would share the moments of `state`
        self.generator.set_state(state["generator"].cpu())
        self.step = state["step"]

    def _judge(self, images: Tensor) -> list[Tensor]:
        return self.discriminator(diff_augment(blur(images, self.blur_sigma), self.generator))


def hinge_discriminator(on_real: list[Tensor], on_fake: list[Tensor]) -> Tensor:
    """mean relu(1 - real) + mean relu(1 + fake), each head with equal weight; lists of logit maps -> []."""
    return discriminator_hinge(on_real, on_fake) / len(on_real)


def hinge_generator(on_fake: list[Tensor]) -> Tensor:
    """-mean fake, each head with equal weight; list of logit maps -> []."""
    return generator_hinge(on_fake) / len(on_fake)


def blur(images: Tensor, sigma: float) -> Tensor:
    """Gaussian 2^-(k / sigma)^2 over k up to floor(3 sigma) px, edges repeated; below 1/3 px: unchanged."""
    radius = math.floor(3 * sigma)
    if radius < 1:
        return images
    kernel = torch.exp2(-((torch.arange(-radius, radius + 1, device=images.device) / sigma) ** 2)).to(images.dtype)
    kernel = (kernel / kernel.sum()).expand(images.shape[1], 1, -1)
    channels = images.shape[1]
    padded = functional.pad(images, (radius,) * 4, mode="replicate")
    rows = functional.conv2d(padded, kernel[:, :, None, :], groups=channels)
    return functional.conv2d(rows, kernel[:, :, :, None], groups=channels)


def diff_augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Random colour, translation and cutout, each image its own (Zhao et al. 2020, arXiv:2006.10738); differentiable.

    images [B, 3, H, W] in [0, 1] -> same shape; what is moved in or cut out is mid-grey. Colours may leave [0, 1].
    """
    x = images * 2 - 1
    x = _cutout(_translate(_colour(x, generator), generator), generator)
    return (x + 1) / 2


def _colour(x: Tensor, generator: torch.Generator) -> Tensor:
    """Brightness +-0.5, saturation x 0-2, contrast x 0.5-1.5 of x in [-1, 1]."""
    u = torch.rand(3, len(x), 1, 1, 1, generator=generator).to(x)
    x = x + u[0] - 0.5
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * 2 * u[1]
    level = x.mean((1, 2, 3), keepdim=True)
    return level + (x - level) * (0.5 + u[2])


def _translate(x: Tensor, generator: torch.Generator) -> Tensor:
    """Shift by up to an eighth of the side in both directions, zeros from outside."""
    b, _, h, w = x.shape
    reach = (max(round(h / 8), 1), max(round(w / 8), 1))
    padded = functional.pad(x, (reach[1], reach[1], reach[0], reach[0]))
    rows, cols = (
        (torch.arange(size) + torch.randint(0, 2 * r + 1, (b, 1), generator=generator)).to(x.device)
        for size, r in zip((h, w), reach, strict=True)
    )
    batch = torch.arange(b, device=x.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[batch, rows[:, :, None], cols[:, None, :]].permute(0, 3, 1, 2)


def _cutout(x: Tensor, generator: torch.Generator) -> Tensor:
    """Zero a square of half the side around a random point, clipped at the border."""
    b, _, h, w = x.shape
    inside = []
    for size in (h, w):
        centre = torch.randint(0, size + 1, (b, 1), generator=generator)
        inside.append((torch.arange(size) - centre + 0.5).abs() < size / 4)
    hole = inside[0][:, :, None] & inside[1][:, None, :]
    return x * (~hole)[:, None].to(x)
