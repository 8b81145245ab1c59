"""The images of a run: students, in one step if nothing else is asked for, and multi-step teachers.

Noise is keyed by what is sampled, not by whom: by (seed, suite, item, replicate), never the run. Compared runs
share prompts and noise, and any batch size, order or restart yields the same images.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fpd_bench.bench import Images, Suite, Track
from fpd_bench.config.schema import EvaluationConfig, RunConfig, StartConfig
from fpd_bench.distill.drafting import draft_codes, draft_logits, draw_noise, draw_start, settle
from fpd_bench.distill.several_steps import sample_in_steps
from fpd_bench.models.condition import Condition
from fpd_bench.models.sampling import guide
from fpd_bench.models.streams import generator_of

BATCH = 128  # of one call of the network
DECODED = 16  # images decoded at once: a VQGAN at 256 px keeps 170 MB of each


@torch.no_grad()
def sample_one_step(
    track: Track,
    student: nn.Module,
    condition: Condition,
    start: StartConfig,
    noise: list[torch.Generator],
    guidance: float = 0.0,
) -> Tensor:
    """Sample codes [B, L] by one network call (Eq. 4), with guidance by two; one generator per item."""
    device = track.tokenizer.codebook.device
    begin = draw_start(len(noise), track, start, noise).to(device)
    look = settle(student, noise)
    with torch.inference_mode():
        logits = draft_logits(look, begin, condition, start)
        if guidance:
            null = track.null_condition(len(condition))
            logits = guide(logits, draft_logits(look, begin, null, start), guidance)
    draws = draw_noise(len(noise), track, start, noise).to(device)
    return draft_codes(logits, draws, start)


def sample_student(
    config: RunConfig, track: Track, student: nn.Module, condition: Condition, noise: list[torch.Generator]
) -> Tensor:
    """Sample codes [B, L] in the steps that the evaluation asks for."""
    asked = config.evaluation
    if asked.student_steps == 1:
        return sample_one_step(track, student, condition, config.start, noise, asked.student_guidance)
    return sample_in_steps(track, student, condition, config.start, noise, asked.student_steps, asked.student_guidance)


@torch.inference_mode()
def to_pixels(track: Track, codes: Tensor, condition: Condition) -> Images:
    """Decode codes [B, L] to images uint8 [B, H, W, 3] on the CPU, rounded to the nearest level."""
    batches = []
    for begin in range(0, len(codes), DECODED):
        rows = slice(begin, begin + DECODED)
        images = track.tokenizer.decode(track.tokenizer.codebook[codes[rows]], condition[rows])
        levels = (images.clamp(0, 1) * 255 + 0.5).to(torch.uint8)
        batches.append(levels.permute(0, 2, 3, 1).contiguous().cpu().numpy())
    return np.concatenate(batches)


def run_images(
    config: RunConfig, track: Track, student: nn.Module | None, suite: Suite, replicates: int, begin: int = 0
) -> Iterator[tuple[int, int, Images]]:
    """Draw (item index, replicate, image uint8 [H, W, 3]) of every item and replicate, in order.

    student None: the teacher with config.evaluation.teacher_steps steps. begin: how many images to leave out, whole
    batches, so that what is left is drawn in the same batches as without.
    """
    keys = [(item, replicate) for item in range(len(suite.items)) for replicate in range(replicates)]
    for first in range(begin, len(keys), BATCH):
        batch = keys[first : first + BATCH]
        noise = [generator_of(config.seed, suite.name, suite.items[item].id, replicate) for item, replicate in batch]
        condition = suite.condition[[item for item, _ in batch]]
        if student is None:
            sampler: Any = track.teacher_sample
            with torch.inference_mode():
                codes = sampler(
                    condition, config.evaluation.teacher_steps, noise, **_sampler_settings(config.evaluation)
                )
        else:
            codes = sample_student(config, track, student, condition, noise)
        for (item, replicate), image in zip(batch, to_pixels(track, codes, condition), strict=True):
            yield item, replicate, image


def _sampler_settings(asked: EvaluationConfig) -> dict[str, Any]:
    """Return what is not as published of the sampler; config/check.py says which of it a track takes."""
    changed: dict[str, Any] = {}
    if asked.teacher_guidance >= 0:
        changed["guidance"] = asked.teacher_guidance
    if asked.teacher_noise >= 0:
        changed["noise"] = asked.teacher_noise
    if asked.teacher_schedule:
        changed["schedule"] = asked.teacher_schedule
    return changed if asked.teacher_ramp else {**changed, "ramp": False}
