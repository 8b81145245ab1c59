"""What the model card says of a preset's networks, measured on images that none of them was trained on."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fpd_bench.evals.fidelity.image_streams import InMemory
from fpd_bench.tracks.digits import data, files
from fpd_bench.tracks.digits.fidelity import PARTS, compare, real_images
from fpd_bench.tracks.digits.track import DigitsTrack

NUMBERS = ("fid", "fid_inf", "is", "precision", "recall", "density", "coverage")


def measure_networks(track: DigitsTrack, classifier: Path, split: str = "test") -> dict[str, Any]:
    """Measure the networks on the reference images of 'test' or 'validation': {"tokenizer": ..., "real against real":
    ...}.

    mse, l1: of reconstructions, pixels in [0, 1]; codes_used, perplexity: of the codebook; accuracy: of the classifier
    on the images and on their reconstructions; fidelity of the reconstructions, and of other real images.
    """
    part = data.digits(PARTS[split][0], track.preset)
    images = data.batch_of(part.images)
    codes = track.tokenizer.encode(images)
    decoded = _decode(track, codes).clamp(0, 1)
    share = codes.flatten().bincount(minlength=track.n_codes).double() / codes.numel()
    said = {
        "images": len(images),
        "mse": float((decoded - images).square().mean()),
        "l1": float((decoded - images).abs().mean()),
        "codes_used": int((share > 0).sum()),
        "perplexity": float(torch.special.entr(share).sum().exp()),
        "accuracy_images": _accuracy(track, images, part.labels),
        "accuracy_reconstructions": _accuracy(track, decoded, part.labels),
    }
    reconstructions = InMemory((decoded * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy())
    real = real_images(split, len(images), track.preset)
    both = (
        compare(each, split, classifier, "cpu", lambda done, total: None, track.preset).values
        for each in (reconstructions, real)
    )
    fidelity = [{name: values[name] for name in NUMBERS} for values in both]
    return _rounded({"tokenizer": said | fidelity[0], "real against real": fidelity[1]})


def write_card(preset: str, folder: Path) -> Path:
    """Measure the preset's files in `folder` and write <preset>.card.json beside them; return its path."""
    track = DigitsTrack(preset, folder)
    path = folder / f"{preset}.card.json"
    found = measure_networks(track, files.path_of("classifier", preset, folder))
    path.write_text(json.dumps(found, indent=2) + "\n")
    return path


@torch.inference_mode()
def _decode(track: DigitsTrack, codes: Tensor) -> Tensor:
    return torch.cat([track.tokenizer.decode(track.tokenizer.codebook[part]) for part in codes.split(200)])


def _accuracy(track: DigitsTrack, images: Tensor, labels: Tensor) -> float:
    items = {item.metadata["label"]: item for item in track.suite("test").items}
    pixels = (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    records = track.suite("test").score(pixels, [items[int(label)] for label in labels])  # type: ignore[misc]
    return sum(record["score"] for record in records) / len(records)


def _rounded(found: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _rounded(value) if isinstance(value, dict) else round(value, 4) if isinstance(value, float) else value
        for name, value in found.items()
    }
