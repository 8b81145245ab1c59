"""Images and a reference -> FID, Inception Score, precision, recall, KID, with the protocol behind them."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch_fidelity
from torch import Tensor
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, isc_features_to_metric
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, kid_features_to_metric
from torch_fidelity.metric_prc import KEY_METRIC_PRECISION, KEY_METRIC_RECALL, prc_features_to_metric

from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.evals.fidelity.extractors import open_extractor, weights_file, weights_hash
from fpd_bench.evals.fidelity.features import Features, extract
from fpd_bench.evals.fidelity.image_streams import Images
from fpd_bench.evals.fidelity.infinite import at_infinity
from fpd_bench.evals.fidelity.neighbours import NEIGHBOURS, density_and_coverage
from fpd_bench.evals.fidelity.presets import FidelityPreset
from fpd_bench.evals.fidelity.reference import Reference, Statistics, features_of
from fpd_bench.records.scores import protocol_id

SHUFFLE_SEED = 2020
UNSAID = ("name", "needs_weights", "size", "split_images", "papers")  # of a preset: they follow from what is said
ROWS = 1000  # of distances at once: of 50,000 images .2 GB and a few copies; the library's 10,000 took 10 GB


@dataclass(frozen=True)
class Fidelity:
    """values: {fid, is, precision, recall, kid} as far as the reference allows, and what the preset asks for besides;
    protocol: all that they depend on."""

    values: dict[str, float]
    protocol: dict[str, Any]
    notes: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Hash the protocol to 12 hex digits: numbers of different ids must not be ranked together."""
        return protocol_id(self.protocol)

    def rows(self) -> list[dict[str, Any]]:
        """Make one line per number, as an evaluation stores it."""
        n = self.protocol["images"]
        return [{"metric": m, "value": v, "n": n, "protocol": self.protocol} for m, v in self.values.items()]


def measure(
    images: Images,
    reference: Reference,
    preset: FidelityPreset,
    weights: Path | None = None,
    device: str = "cpu",
    cache: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Fidelity:
    """Measure images. weights: of the preset's network, else looked for; cache: folder of features, None = none.

    Raises ConfigError for too few images or a wrong size, AssetError for missing weights or a foreign reference.
    """
    _enough(images, reference, preset)
    weights = weights_file(preset, weights)
    digest = weights_hash(preset, weights)

    def features(source: Images) -> Features:
        return extract(source, preset, lambda: open_extractor(preset, weights, device), digest, device, cache, progress)

    generated, real = features(images), features_of(reference, features)
    _same_size(generated, real, preset)
    values, notes = _values(generated, real, reference, preset)
    wrong = [name for name, value in values.items() if not math.isfinite(value)]
    if wrong:
        raise AssetError(
            f"{', '.join(wrong)} of these images is NaN or infinite, so the reference or the weights are damaged."
        )
    protocol = {
        "preset": preset.name,
        "evaluator": f"torch-fidelity {torch_fidelity.__version__}",
        **{k: v for k, v in asdict(preset).items() if k not in UNSAID and v != ()},
        "splits": len(preset.split_sizes(len(generated.vectors))),
        "weights_sha256": digest,
        "reference": reference.name,
        "reference_sha256": reference.digest,
        "reference_images": len(real.vectors) if real else 0,
        "images": len(generated.vectors),
        "pixels": list(generated.size),
    }
    return Fidelity(values, protocol, notes)


def _enough(images: Images, reference: Reference, preset: FidelityPreset) -> None:
    """Raise ConfigError where a number would not be defined."""
    if len(images) < preset.least:
        raise ConfigError(
            f"{len(images)} images are too few: preset '{preset.name}' needs {preset.least} or more, for the splits of "
            f"the Inception Score and for {preset.neighbours} neighbours of each (papers use 50,000)."
        )
    k = max(preset.neighbours, NEIGHBOURS if {"density", "coverage"} & set(preset.also) else 0)
    if reference.images is not None and len(reference.images) <= k:
        raise ConfigError(
            f"The reference '{reference.name}' has {len(reference.images)} images, but needs {k + 1} or more: "
            f"precision, recall and similar metrics look at {k} neighbours of each image."
        )


def _same_size(generated: Features, real: Features | None, preset: FidelityPreset) -> None:
    wanted = (preset.size, preset.size) if preset.size else real.size if real else generated.size
    for whose, size in (("The images", generated.size), ("The reference's images", real.size if real else wanted)):
        if size != wanted:
            raise ConfigError(
                f"{whose} have {size[1]} x {size[0]} px, but preset '{preset.name}' compares images of "
                f"{wanted[1]} x {wanted[0]} px. Resize them yourself, in the same way for everything that you "
                "compare, because resizing changes FID."
            )


def _values(
    generated: Features, real: Features | None, reference: Reference, preset: FidelityPreset
) -> tuple[dict[str, float], list[str]]:
    notes = []
    if len(generated.vectors) <= generated.vectors.shape[1]:
        notes.append(
            f"{len(generated.vectors)} images are fewer than the {generated.vectors.shape[1]} dimensions of a feature, "
            "so FID is biased upward."
        )
    statistics = reference.statistics or _statistics(real)
    values = {
        "fid": frechet(_statistics(generated), statistics),
        "fid_sampling_sd": _sampling_sd(generated.vectors, statistics),
    }
    values["is"] = inception_score(generated.logits, preset)
    if preset.papers and len(generated.vectors) != preset.papers:
        sizes = preset.split_sizes(len(generated.vectors))
        last = f", the last of {sizes[-1]:,}" if sizes[-1] != sizes[0] else ""
        notes.append(
            f"{len(generated.vectors):,} images, where papers use {preset.papers:,}: FID and Inception Score depend "
            f"on the number of images (here {len(sizes)} splits of {sizes[0]:,}{last})."
        )
    if real is None:
        notes.append("The reference has statistics but no images, so precision, recall and KID cannot be computed.")
        return values, notes
    quiet = {"verbose": False, "save_cpu_ram": True}
    both = prc_features_to_metric(
        generated.vectors, real.vectors, prc_neighborhood=preset.neighbours, prc_batch_size=ROWS, **quiet
    )
    values |= {"precision": both[KEY_METRIC_PRECISION], "recall": both[KEY_METRIC_RECALL]}
    subset = min(preset.kid_subset, len(generated.vectors), len(real.vectors))
    kid = kid_features_to_metric(generated.vectors, real.vectors, kid_subset_size=subset, **quiet)
    values["kid"] = kid[KEY_METRIC_KID_MEAN]
    return values | _besides(generated, real, statistics, preset), notes


def _besides(generated: Features, real: Features, statistics: Statistics, preset: FidelityPreset) -> dict[str, float]:
    """Compute the numbers of `preset.also`."""
    found = density_and_coverage(generated.vectors, real.vectors) if {"density", "coverage"} & set(preset.also) else {}
    if "fid_inf" in preset.also:
        found["fid_inf"] = at_infinity(generated.vectors, lambda part: frechet(_moments(part), statistics))
    return {name: value for name, value in found.items() if name in preset.also and not math.isnan(value)}


def inception_score(logits: Tensor, preset: FidelityPreset) -> float:
    """Exponentiate the mean divergence of p(y|x) from p(y), averaged over splits of shuffled images; logits [N, C]."""
    order = np.random.RandomState(SHUFFLE_SEED).permutation(len(logits))
    scores = [
        isc_features_to_metric(part, 1, False)[KEY_METRIC_ISC_MEAN]
        for part in logits[order].split(preset.split_sizes(len(logits)))
    ]
    return float(np.mean(scores))


def _sampling_sd(vectors: Tensor, real: Statistics) -> float:
    """Estimate the SD of FID if the same network drew the images again, from two halves, every second image in each.

    Half the images have twice the variance, and the halves share their bias, so it is |FID_1 - FID_2| / 2: one draw of
    it, to be averaged in squares over runs.
    """
    one, other = (frechet(_moments(vectors[start::2]), real) for start in (0, 1))
    return abs(one - other) / 2


def _statistics(features: Features | None) -> Statistics:
    assert features is not None  # a reference without statistics has images
    return _moments(features.vectors)


def _moments(vectors: Tensor) -> Statistics:
    found = fid_features_to_statistics(vectors)
    return found["mu"].astype(np.float64), found["sigma"]


def frechet(generated: Statistics, real: Statistics) -> float:
    """Compute ||mu1 - mu2||^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)). Raises AssetError for statistics of other features."""
    if generated[0].shape != real[0].shape:
        raise AssetError(
            f"The reference's statistics have {len(real[0])} dimensions, but the features here have "
            f"{len(generated[0])}. Name a reference made with this preset."
        )
    one, other = ({"mu": mu, "sigma": sigma} for mu, sigma in (generated, real))
    return float(fid_statistics_to_metric(one, other, False)[KEY_METRIC_FID])
