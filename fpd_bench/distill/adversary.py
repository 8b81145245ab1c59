"""The optional adversarial term L_gan (Sec. 3.4): the discriminator, its training and its hinge losses.

Letters: B batch, H x W pixels; images lie in [0, 1].
"""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fpd_bench.config.schema import GanConfig
from fpd_bench.distill import parallel
from fpd_bench.distill.augmentation import Augmentation, blur, diff_augment
from fpd_bench.models import discriminator as light
from fpd_bench.models import projected_gan
from fpd_bench.models.backbones import FeatureBackbone
from fpd_bench.models.projected_gan import discriminator_hinge, generator_hinge

__all__ = [
    "Adversary",
    "Augmentations",
    "blur",
    "build_discriminator",
    "diff_augment",
    "hinge_discriminator",
    "hinge_generator",
]

Discriminator = light.LightDiscriminator | projected_gan.ProjectedDiscriminator


def build_discriminator(backbone: FeatureBackbone, kind: str, seed: int) -> Discriminator:
    """Build the discriminator of gan.discriminator: on the track's own Phi, or the published one. Raises AssetError."""
    if kind == "projected":
        return projected_gan.open_published(seed)
    return light.LightDiscriminator(backbone, seed=seed)


@dataclass(frozen=True)
class Augmentations:
    """What happens to B images on their way into the discriminator: an augmentation for each of its networks."""

    augmentations: tuple[Augmentation, ...]

    def __len__(self) -> int:
        return len(self.augmentations[0])

    def __getitem__(self, rows: slice) -> "Augmentations":
        return Augmentations(tuple(augmentation[rows] for augmentation in self.augmentations))


class Adversary:
    """Owner of the discriminator: trains it, and gives the student its L_gan.

    steps: of the student in the whole training. The blur schedule counts `discriminator_step`s, gan.updates for each.
    """

    def __init__(self, backbone: FeatureBackbone, gan: GanConfig, steps: int, seed: int = 0):
        self.gan = gan
        self.steps = steps * gan.updates
        self.step = 0
        device = next((weights.device for weights in backbone.parameters()), torch.device("cpu"))
        self.discriminator = build_discriminator(backbone, gan.discriminator, seed).to(device)
        self.optimizer = torch.optim.Adam(self.discriminator.trained(), lr=gan.lr, betas=(0.0, 0.99), eps=1e-8)
        self.generator = torch.Generator().manual_seed(seed)  # of the augmentations

    def discriminator_step(self, real: Tensor, fake: Tensor) -> dict[str, float]:
        """Take one Adam step on real and (detached) fake images [B, 3, H, W]; return the loss and the margins.

        The hinge loss is a mean over images, so the ranks' gradients are averaged; so are the running statistics of
        batch norms, which see one rank's images at a time, as in the published code.
        """
        self.discriminator.heads.train().requires_grad_(True)
        on_real, on_fake = (self._judge(images.detach(), self._draw_augmentations(images)) for images in (real, fake))
        loss = hinge_discriminator(on_real, on_fake)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        parallel.average(p.grad for p in self.discriminator.trained() if p.grad is not None)
        self.optimizer.step()
        parallel.average(_running_statistics(self.discriminator.heads))
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

    def draw(self, n: int, like: Tensor) -> Augmentations:
        """Draw the augmentations of n images of the size of `like` [.., H, W]."""
        height, width = like.shape[-2:]
        looks = range(self.discriminator.networks)
        return Augmentations(tuple(Augmentation.draw(n, (height, width), self.generator) for _ in looks))

    def generator_loss(self, fake: Tensor, views: Augmentations | None = None) -> Tensor:
        """Compute L_gan [] of student images [B, 3, H, W], not yet weighted by lambda; the discriminator gets no
        gradient.

        The heads are in training mode, as published: batch norms take the statistics of these images alone, and
        spectral norms go on with their power iteration. views: of these images; None draws them here.
        """
        self.discriminator.heads.train().requires_grad_(False)
        return hinge_generator(self._judge(fake, views or self._draw_augmentations(fake)))

    def pull(self, fake: Tensor, views: Augmentations | None = None) -> Tensor:
        """Compute d L_gan / d images, in the shape of `fake` [B, 3, H, W], which needs no graph."""
        fake = fake.detach().requires_grad_()
        return torch.autograd.grad(self.generator_loss(fake, views), fake)[0]

    @property
    def blur_sigma(self) -> float:
        """Return the width of the blur in px: linearly from gan.blur_sigma to 0 over the first gan.blur_fraction of
        training.
        """
        end = self.gan.blur_fraction * self.steps
        return self.gan.blur_sigma * max(0.0, 1 - self.step / end) if end > 0 else 0.0

    def state_dict(self) -> dict[str, Any]:
        """Return everything that training changes; the frozen parts come from the seed and the backbone."""
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

    def _draw_augmentations(self, images: Tensor) -> Augmentations:
        views: Augmentations = parallel.own_rows(self.draw(len(images) * parallel.ranks(), images))
        return views

    def _judge(self, images: Tensor, views: Augmentations) -> list[Tensor]:
        looks = iter(views.augmentations)
        logits: list[Tensor] = self.discriminator(blur(images, self.blur_sigma), lambda image: next(looks)(image))
        return logits


def hinge_discriminator(on_real: list[Tensor], on_fake: list[Tensor]) -> Tensor:
    """Compute the hinge loss mean relu(1 - real) + mean relu(1 + fake), each head with equal weight; lists of logit
    maps -> [].
    """
    return discriminator_hinge(on_real, on_fake) / len(on_real)


def hinge_generator(on_fake: list[Tensor]) -> Tensor:
    """Compute the hinge loss -mean fake, each head with equal weight; list of logit maps -> []."""
    return generator_hinge(on_fake) / len(on_fake)


def _running_statistics(heads: nn.Module) -> list[Tensor]:
    norms = [module for module in heads.modules() if isinstance(module, nn.BatchNorm2d)]
    return [value for norm in norms for value in (norm.running_mean, norm.running_var) if value is not None]
