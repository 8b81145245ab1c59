"""What each network of a run costs for an image (meter.py), measured once for all runs that share it."""

import copy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from fpd_bench.bench import Blueprint
from fpd_bench.config.availability import has_adversary
from fpd_bench.config.identity import reads, trains
from fpd_bench.config.schema import RunConfig
from fpd_bench.costs.meter import PROBE, measure_training_call
from fpd_bench.costs.track_on_meta import META, blueprint
from fpd_bench.distill.work import Cost
from fpd_bench.models import discriminator, projected_gan
from fpd_bench.models.backbones import FeatureBackbone
from fpd_bench.models.compute import computing
from fpd_bench.models.network_size import count_numbers

NONE = Cost()


@dataclass(frozen=True)
class DrawingCosts:
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
class BackboneCost:
    """Phi. Zero for drift.space=pixel, and where nothing drifts."""

    backbone: Cost = NONE
    parameters: int = 0


@dataclass(frozen=True)
class DiscriminatorCosts:
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


def backbone_cost(config: RunConfig, track: MeasuredTrack) -> BackboneCost:
    """Measure the backbone of a run's drift."""
    drift = config.drift
    if "drift.blocks" not in reads(config):
        return BackboneCost()
    return _measure_backbone(track, tuple(drift.blocks), drift.backbone, drift.resize)


def discriminator_costs(config: RunConfig, track: MeasuredTrack) -> DiscriminatorCosts:
    """Measure the discriminator of a run."""
    return _measure_discriminator(track, config.gan.discriminator) if has_adversary(config) else DiscriminatorCosts()


@lru_cache(maxsize=8)
def measure_drawing(track: MeasuredTrack) -> DrawingCosts:
    """Measure the networks that draw. Raises AssetError for configuration files that cannot be read."""
    blueprint = _blueprint(track.name, track.preset, track.weights)
    condition = blueprint.condition(PROBE)
    tokens = torch.zeros(PROBE, blueprint.n_tokens, dtype=torch.long, device=META)
    student, codebook = copy.deepcopy(blueprint.teacher).requires_grad_(True), blueprint.tokenizer.codebook
    weights = torch.empty(PROBE, blueprint.n_tokens, blueprint.n_codes, device=META, requires_grad=True)
    with computing(recompute=track.recompute):
        network = measure_training_call(lambda: [student(tokens, condition)])
        # the estimator's mixture of codes, and the picture of it
        decoder = measure_training_call(lambda: [blueprint.tokenizer.decode(weights @ codebook, condition)])
    size = count_numbers(blueprint.teacher)
    return DrawingCosts(
        network, decoder, _text_cost(blueprint), size, blueprint.resident, blueprint.n_tokens, blueprint.n_codes
    )


@lru_cache(maxsize=32)
def _measure_backbone(track: MeasuredTrack, blocks: tuple[int, ...], name: str, side: int) -> BackboneCost:
    blueprint, images = _blueprint(track.name, track.preset, track.weights), _meta_images(track)
    with META:
        backbone = FeatureBackbone(name, pretrained=False) if name else blueprint.backbone
        backbone = backbone.with_input(side, last_norm=False)
    backbone = backbone.select(blocks)
    with computing(recompute=track.recompute):
        return BackboneCost(measure_training_call(lambda: backbone(images).values()), count_numbers(backbone))


@lru_cache(maxsize=8)
def _measure_discriminator(track: MeasuredTrack, kind: str) -> DiscriminatorCosts:
    blueprint, drafts = _blueprint(track.name, track.preset, track.weights), _meta_images(track)
    if kind == "light":
        network: Any = discriminator.LightDiscriminator(blueprint.backbone).to(META)
    else:
        with META:
            network = projected_gan.ProjectedDiscriminator(pretrained=False)
    still, heads = drafts.detach(), count_numbers(network.heads)
    with computing(recompute=track.recompute):
        trained = measure_training_call(lambda: network(still))
        network.heads.requires_grad_(False)
        critic = measure_training_call(lambda: network(drafts))
    frozen = count_numbers(network) - heads  # the light one's is Phi
    return DiscriminatorCosts(trained, critic, frozen, heads)


@lru_cache(maxsize=4)
def _blueprint(name: str, preset: str, weights: Path | None) -> Blueprint:
    return blueprint(name, preset, weights)


def _meta_images(track: MeasuredTrack) -> torch.Tensor:
    blueprint = _blueprint(track.name, track.preset, track.weights)
    with torch.no_grad():
        embeddings = torch.empty(PROBE, blueprint.n_tokens, blueprint.tokenizer.codebook.shape[1], device=META)
        return torch.empty_like(blueprint.tokenizer.decode(embeddings, blueprint.condition(PROBE)), requires_grad=True)


def _text_cost(blueprint: Blueprint) -> Cost:
    encode = blueprint.text
    if encode is None:
        return NONE
    with FlopCounterMode(display=False) as counter:
        encode(PROBE)
    return Cost(counter.get_total_flops() / PROBE)
