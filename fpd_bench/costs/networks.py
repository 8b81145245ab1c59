"""What each network of a run costs for an image (meter.py), measured once for all runs that share it."""

import copy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from fpd_bench.config.availability import has_adversary
from fpd_bench.config.identity import reads, trains
from fpd_bench.config.schema import RunConfig
from fpd_bench.costs.meter import PROBE, measure
from fpd_bench.costs.track_on_meta import META, Blueprint, blueprint, parameters
from fpd_bench.distill.work import Cost
from fpd_bench.models import discriminator, projected_gan
from fpd_bench.models.backbones import FeatureBackbone
from fpd_bench.models.compute import computing

NONE = Cost()


@dataclass(frozen=True)
class Drawers:
    """Of every run: the network that draws codes, teacher's or student's, the decoder, the text encoder."""

    network: Cost
    decoder: Cost
    text: Cost
    parameters: int  # of the network
    resident: int  # parameters of decoder and text encoder
    tokens: int
    codes: int

    @property
    def logits(self) -> int:
        """Return how many logits an image has."""
        return self.tokens * self.codes


@dataclass(frozen=True)
class Lifter:
    """Phi. Zero for drift.space=pixel, and where nothing drifts."""

    backbone: Cost = NONE
    parameters: int = 0


@dataclass(frozen=True)
class Judges:
    """The discriminator: trained on an image; judging a draft, with the gradient back to it. Zero without L_gan."""

    trained: Cost = NONE
    critic: Cost = NONE
    frozen: int = 0  # parameters
    heads: int = 0  # parameters that are trained


@dataclass(frozen=True)
class MeasuredTrack:
    """Which one, its weights folder (None: the published sizes), and whether its blocks are computed twice."""

    name: str
    preset: str
    weights: Path | None
    recompute: bool


def track_of(config: RunConfig, weights: Path | None) -> MeasuredTrack:
    """Return what all networks of a run are measured on."""
    twice = config.execution.activation_checkpointing and trains(config)
    return MeasuredTrack(config.track.name, config.track.preset, weights, twice)


def lifter_of(config: RunConfig, track: MeasuredTrack) -> Lifter:
    """Measure the backbone of a run's drift."""
    drift = config.drift
    if "drift.blocks" not in reads(config):
        return Lifter()
    return _lifter(track, tuple(drift.blocks), drift.backbone, drift.resize)


def judges_of(config: RunConfig, track: MeasuredTrack) -> Judges:
    """Measure the discriminator of a run."""
    return _judges(track, config.gan.discriminator) if has_adversary(config) else Judges()


@lru_cache(maxsize=8)
def drawers(track: MeasuredTrack) -> Drawers:
    """Measure the networks that draw. Raises AssetError for configuration files that cannot be read."""
    plan = _blueprint(track.name, track.preset, track.weights)
    condition = plan.condition(PROBE)
    tokens = torch.zeros(PROBE, plan.n_tokens, dtype=torch.long, device=META)
    student, codebook = copy.deepcopy(plan.teacher).requires_grad_(True), plan.tokenizer.codebook
    weights = torch.empty(PROBE, plan.n_tokens, plan.n_codes, device=META, requires_grad=True)
    with computing(recompute=track.recompute):
        network = measure(lambda: [student(tokens, condition)])
        # the estimator's mixture of codes, and the picture of it
        decoder = measure(lambda: [plan.tokenizer.decode(weights @ codebook, condition)])
    size = parameters(plan.teacher)
    return Drawers(network, decoder, _text(plan), size, plan.resident, plan.n_tokens, plan.n_codes)


@lru_cache(maxsize=32)
def _lifter(track: MeasuredTrack, blocks: tuple[int, ...], name: str, side: int) -> Lifter:
    plan, images = _blueprint(track.name, track.preset, track.weights), _images(track)
    with META:
        whole = FeatureBackbone(name, pretrained=False) if name else plan.backbone
        whole = whole.looking(side, last_norm=False)
    backbone = whole.select(blocks)
    with computing(recompute=track.recompute):
        return Lifter(measure(lambda: backbone(images).values()), parameters(backbone))


@lru_cache(maxsize=8)
def _judges(track: MeasuredTrack, kind: str) -> Judges:
    plan, drafts = _blueprint(track.name, track.preset, track.weights), _images(track)
    if kind == "light":
        network: Any = discriminator.LightDiscriminator(plan.backbone).to(META)
    else:
        with META:
            network = projected_gan.ProjectedDiscriminator(pretrained=False)
    still, heads = drafts.detach(), parameters(network.heads)
    with computing(recompute=track.recompute):
        trained = measure(lambda: network(still))
        network.heads.requires_grad_(False)
        critic = measure(lambda: network(drafts))
    return Judges(trained, critic, parameters(network) - heads, heads)  # the light one's frozen network is Phi


@lru_cache(maxsize=4)
def _blueprint(name: str, preset: str, weights: Path | None) -> Blueprint:
    return blueprint(name, preset, weights)


def _images(track: MeasuredTrack) -> torch.Tensor:
    plan = _blueprint(track.name, track.preset, track.weights)
    with torch.no_grad():
        embeddings = torch.empty(PROBE, plan.n_tokens, plan.tokenizer.codebook.shape[1], device=META)
        return torch.empty_like(plan.tokenizer.decode(embeddings, plan.condition(PROBE)), requires_grad=True)


def _text(plan: Blueprint) -> Cost:
    encode = plan.text
    if encode is None:
        return NONE
    with FlopCounterMode(display=False) as counter:
        encode(PROBE)
    return Cost(counter.get_total_flops() / PROBE)
