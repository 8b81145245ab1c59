"""FLOPs and memory of a training step, counted by running the networks on the meta device (torch.utils.flop_counter).

A FLOP is one addition or multiplication. Counted: matrix products, convolutions and attention of the networks and of
the estimator; not counted: element-wise work and the drift itself, which take time but next to no arithmetic.
Letters: B batch, L tokens, K codes.
"""

import copy
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from fpd_bench.config.identity import TEACHER
from fpd_bench.config.schema import RunConfig
from fpd_bench.models import discriminator, projected_gan
from fpd_bench.models.backbones import FeatureBackbone
from fpd_bench.models.compute import computing
from fpd_bench.tracks.blueprint import META, Blueprint, blueprint, parameters

FLOAT = 4  # bytes
PROBE = 2  # images a network is run on; one would let kernels drop the batch axis
LOGIT_COPIES = 4  # logits, probabilities and their gradients, [B, L, K] each
TRAINED, AVERAGED, FROZEN = 16, 4, 4  # bytes a parameter: value, gradient and Adam's two moments; EMA; value
Phi = tuple[str, int]  # drift.backbone, "" = the track's own, and drift.resize


@dataclass(frozen=True)
class Cost:
    """Of one network and one image: FLOPs forward and backward, bytes kept between the two."""

    forward: float = 0
    backward: float = 0
    kept: float = 0


@dataclass(frozen=True)
class StepCost:
    """flops: {part: per step}. fixed: bytes that do not depend on the batch; per_image: bytes kept for its gradient;
    per_draft: bytes of every image of the batch, whatever the micro-batch. shown: FLOPs of an image in evaluation."""

    flops: dict[str, float]
    fixed: float
    per_image: float
    per_draft: float
    shown: float

    @property
    def total(self) -> float:
        """FLOPs of a step."""
        return sum(self.flops.values())


@dataclass(frozen=True)
class Parts:
    """The costs of a track's networks. parameters: {network: how many}."""

    student: Cost
    decoder: Cost
    backbone: Cost
    text: Cost
    judge: Cost  # the discriminator trained on an image
    critic: Cost  # the discriminator judging a draft, gradients back to the image
    parameters: dict[str, int]
    logits: int  # L x K


def step_cost(config: RunConfig, weights: Path | None) -> StepCost | None:
    """The step of a run, and an image of its evaluation; None for a method that is not known here."""
    if config.method not in (TEACHER, *METHODS):
        return None
    drift = config.drift
    blocks = tuple(drift.blocks) if drift.space == "feature" else ()
    adversary = config.gan.discriminator if config.method == "fpd" and config.gan.weight > 0 else ""
    track, twice = (config.track.name, config.track.preset), config.execution.activation_checkpointing
    phi = (drift.backbone, drift.resize)
    parts = _parts(*track, weights, blocks, adversary, phi, twice and config.method != TEACHER)
    sizes, shown = parts.parameters, parts.student.forward + parts.decoder.forward
    resident = FROZEN * (sizes["teacher"] + sizes["resident"])
    if config.method == TEACHER:
        steps = 2 * config.evaluation.teacher_steps  # with and without the condition
        return StepCost({}, resident, 0, 0, shown + (steps - 1) * parts.student.forward)
    flops, per_image = METHODS[config.method](config, parts)
    flops["text"] = parts.text.forward * config.optim.batch / drift.samples_per_condition
    trained = 2 if config.method == "dimo" else 1
    fixed = resident + (TRAINED * trained + AVERAGED) * sizes["teacher"]
    if config.method == "fpd":
        fixed += FROZEN * (sizes["backbone"] + sizes["judges"]) + TRAINED * sizes["heads"]
    pixels = LOGIT_COPIES * FLOAT * parts.logits
    return StepCost({k: v for k, v in flops.items() if v}, fixed, per_image, pixels, shown)


def _fpd(config: RunConfig, parts: Parts) -> tuple[dict[str, float], float]:
    """distill/fpd.py: draft (twice with micro-batches), repair, decode and lift both, judge."""
    batch, drafts = config.optim.batch, _drafts(config)
    queries = 2 if config.refine.guidance else 1
    flops = {
        "student": drafts * parts.student.forward + parts.student.backward,
        "teacher": queries * parts.student.forward,
        "decoder": (drafts + 1) * parts.decoder.forward + parts.decoder.backward,
        "backbone": (drafts + 1) * parts.backbone.forward + parts.backbone.backward,
    }
    kept = parts.student.kept + parts.decoder.kept + parts.backbone.kept
    if config.gan.weight > 0:
        judged = 2 * (parts.judge.forward + parts.judge.backward)  # real and drafted
        flops["discriminator"] = config.gan.updates * judged + parts.critic.forward + parts.critic.backward
        kept += max(parts.critic.kept, 2 * parts.judge.kept)
    return {part: count * batch for part, count in flops.items()}, kept


def _drafts(config: RunConfig) -> int:
    """How often a step drafts for its gradient: once more where that is accumulated over micro-batches."""
    micro = config.execution.micro_batch
    return 2 if micro and micro < config.optim.batch // config.execution.processes else 1


def _dimo(config: RunConfig, parts: Parts) -> tuple[dict[str, float], float]:
    """distill/peers/dimo.py: nothing is decoded; the auxiliary network looks once and is trained once."""
    queries = 2 if config.refine.guidance else 1
    flops = {
        "student": (_drafts(config) + 1) * parts.student.forward + parts.student.backward,
        "teacher": queries * parts.student.forward,
        "auxiliary": 2 * parts.student.forward + parts.student.backward,
    }
    return {part: count * config.optim.batch for part, count in flops.items()}, parts.student.kept


METHODS = {"fpd": _fpd, "dimo": _dimo}


@lru_cache(maxsize=32)
def _parts(
    name: str, preset: str, weights: Path | None, blocks: tuple[int, ...], adversary: str, phi: Phi, recompute: bool
) -> Parts:
    with computing(recompute=recompute):
        return _measured(_blueprint(name, preset, weights), blocks, adversary, phi)


def _measured(plan: Blueprint, blocks: tuple[int, ...], adversary: str, phi: Phi) -> Parts:
    condition = plan.condition(PROBE)
    tokens = torch.zeros(PROBE, plan.n_tokens, dtype=torch.long, device=META)
    student = copy.deepcopy(plan.teacher).requires_grad_(True)
    codebook = plan.tokenizer.codebook
    weights_ = torch.empty(PROBE, plan.n_tokens, plan.n_codes, device=META, requires_grad=True)
    with torch.no_grad():
        pixels = plan.tokenizer.decode(torch.empty(PROBE, plan.n_tokens, codebook.shape[1], device=META), condition)
    images = torch.empty_like(pixels, requires_grad=True)
    none, heads, judges = Cost(), nn.ModuleDict(), nn.Module()
    backbone = _phi(phi, plan).select(blocks) if blocks else None
    judge = critic = none
    if adversary:
        judges = _judges(adversary, plan)
        heads, still = judges.heads, torch.empty_like(pixels)
        judge = measure(lambda: judges(still))
        judges.heads.requires_grad_(False)
        critic = measure(lambda: judges(images))
    return Parts(
        measure(lambda: [student(tokens, condition)]),
        # the estimator's mixture of codes, and the picture of it
        measure(lambda: [plan.tokenizer.decode(weights_ @ codebook, condition)]),
        measure(lambda: backbone(images).values()) if backbone else none,
        _text(plan),
        judge,
        critic,
        {
            "teacher": parameters(plan.teacher),
            "resident": plan.resident,
            "backbone": parameters(backbone) if backbone else 0,
            "judges": parameters(judges) - parameters(heads),  # its frozen networks; the light one's is the backbone
            "heads": parameters(heads),
        },
        plan.n_tokens * plan.n_codes,
    )


@lru_cache(maxsize=4)
def _blueprint(name: str, preset: str, weights: Path | None) -> Blueprint:
    return blueprint(name, preset, weights)


def _phi(phi: Phi, plan: Blueprint) -> FeatureBackbone:
    name, side = phi
    with META:
        backbone = FeatureBackbone(name, pretrained=False) if name else plan.backbone
        return backbone.looking(side, last_norm=False)


def _judges(kind: str, plan: Blueprint) -> Any:
    """The discriminator that gan.discriminator names, on the meta device, with random weights."""
    if kind == "light":
        return discriminator.ProjectedDiscriminator(plan.backbone).to(META)
    with META:
        return projected_gan.ProjectedDiscriminator(pretrained=False)


def _text(plan: Blueprint) -> Cost:
    encode = plan.text
    if encode is None:
        return Cost()
    with FlopCounterMode(display=False) as counter:
        encode(PROBE)
    return Cost(counter.get_total_flops() / PROBE)


def measure(run: Callable[[], Iterable[Tensor]]) -> Cost:
    """run: one forward pass over PROBE images on the meta device, whose outputs' sum is then differentiated."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, nn.Parameter):
            storage = tensor.untyped_storage()
            kept[storage._cdata] = storage.nbytes()
        return tensor

    with fused_attention(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        with FlopCounterMode(display=False) as counter:
            outputs = list(run())
        forward = counter.get_total_flops()
        bytes_kept = sum(kept.values())
        with FlopCounterMode(display=False) as counter:
            torch.stack([output.sum() for output in outputs]).sum().backward()
    return Cost(forward / PROBE, counter.get_total_flops() / PROBE, bytes_kept / PROBE)


@contextmanager
def fused_attention() -> Iterator[None]:
    """Attention as a GPU's kernels do it, which keep nothing of size L x L; the meta device would take the long way."""
    plain = F.scaled_dot_product_attention

    def fused(
        query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, *rest: object, **more: object
    ) -> Tensor:
        if attn_mask is not None or query.dim() != 4:
            return plain(query, key, value, attn_mask)
        return torch.ops.aten._scaled_dot_product_efficient_attention(query, key, value, None, True)[0]

    F.scaled_dot_product_attention = fused
    try:
        yield
    finally:
        F.scaled_dot_product_attention = plain
