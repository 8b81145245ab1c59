"""One-step generation, Eq. 4: z_init, one call of the student, a code per token. Training, pictures and evaluation
draft here. All that is random is drawn on the CPU, the same for every device.

Letters: B batch, L tokens, K codes, W width of the student's embeddings.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fpd_bench.bench import Condition, Track
from fpd_bench.config.schema import StartConfig
from fpd_bench.distill.starts import code_law
from fpd_bench.errors import ConfigError
from fpd_bench.models.masking import Source, draw_rows, start_tokens
from fpd_bench.models.perturbation import Perturbation
from fpd_bench.models.sampling import first_arrival, keyed_categorical, truncate, waiting_times


@dataclass(frozen=True)
class Start:
    """z_init of B samples: tokens [B, L], masked ones K; a perturbation of their embeddings, or None."""

    tokens: Tensor
    perturbation: Perturbation | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, rows: slice) -> "Start":
        return Start(self.tokens[rows], None if self.perturbation is None else self.perturbation[rows])

    def to(self, device: torch.device | str) -> "Start":
        """Move the start to `device`."""
        return Start(self.tokens.to(device), None if self.perturbation is None else self.perturbation.to(device))


def draw_start(n: int, track: Track, config: StartConfig, source: Source) -> Start:
    """Draw z_init of n samples, all from one generator or each from its own.

    Raises ConfigError for embedding noise if the track's networks do not take it, and as `code_law`.
    """
    law = code_law(track, config.codes)
    exact = config.masks == "exact"
    tokens = start_tokens(n, track.n_tokens, track.n_codes, config.r_init, source, law, exact)
    if not config.embedding_noise:
        return Start(tokens)
    width = getattr(track.teacher, "width", 0)
    if not width:
        raise ConfigError(
            f"start.embedding_noise={config.embedding_noise}: the networks of track '{track.name}' have no "
            "`width`, so noise cannot be added to their embeddings. Use start.embedding_noise=0."
        )
    noise = draw_rows(n, source, lambda m, generator: torch.randn(m, track.n_tokens, width, generator=generator))
    return Start(tokens, Perturbation(noise, config.embedding_noise))


def settle(student: nn.Module, generators: Sequence[torch.Generator]) -> Callable[..., Tensor]:
    """Return the student as a function of tokens and condition: what it draws for itself (Di4C's latent) comes from
    each item's own generator.
    """
    settled = getattr(student, "settled", None)
    return student if settled is None else settled(generators)


def draft_logits(student: Callable[..., Tensor], start: Start, condition: Condition, config: StartConfig) -> Tensor:
    """Compute logits [B, L, K] over the temperature, by one call of the student."""
    more = () if start.perturbation is None else (start.perturbation,)
    logits: Tensor = student(start.tokens, condition, *more)
    return logits / config.temperature


def draw_noise(n: int, track: Track, config: StartConfig, source: Source) -> Tensor:
    """Draw the noise that `draft_codes` needs for n samples: [n, L], with `gumbel` [n, L, K], with `argmax` nothing
    [n, 0].
    """
    length, codes = track.n_tokens, track.n_codes
    if config.sampling == "gumbel":
        return draw_rows(n, source, lambda m, generator: waiting_times((m, length, codes), generator))
    length = length if config.sampling == "categorical" else 0
    return draw_rows(n, source, lambda m, generator: torch.rand(m, length, generator=generator))


def draft_codes(logits: Tensor, noise: Tensor, config: StartConfig) -> Tensor:
    """Draw codes [B, L] from logits that `draft_logits` has divided, as start.sampling, top_k and top_p say.

    Any code where they are not finite: the loss, which all processes share, tells.
    """
    if config.sampling == "argmax":
        return first_arrival(logits, None)
    kept = truncate(logits, config.top_k, config.top_p)
    return first_arrival(kept, noise) if config.sampling == "gumbel" else keyed_categorical(kept, noise)
