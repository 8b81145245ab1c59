"""What looks at an image: the backend protocol, its registry, and images -> GenEval records through any backend.

Detectors are not interchangeable: thresholds .3 and .9 act on a backend's own confidence, so every result names the
backend and its weights. Heavy backends live in files of their own and are imported only when asked for.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from fpd_bench.errors import ConfigError, UnknownName
from fpd_bench.evals.geneval.scoring import Box, ColourClassifier, Detection, Detections, Options, evaluate_image

Image = NDArray[np.uint8]  # [H, W, 3]


@dataclass(frozen=True)
class Seen:
    """All detections of one image, unfiltered, and the colour of each where they are known.

    colours: per class one for each of its detections, in their order; None for an unknown one.
    floor: detections that score no more are missing, because somebody else did not keep them.
    """

    detections: Detections
    colours: Mapping[str, Sequence[str | None]] | None = None
    floor: float = 0.0

    def answers(self) -> "Answers":
        """Give the known colours, each of the detection it belongs to."""
        return {
            key_of(name, detection): colour
            for name, named in (self.colours or {}).items()
            for detection, colour in zip(self.detections[name], named, strict=True)
            if colour
        }


Answers = dict[tuple[str, int], str]


def key_of(name: str, detection: Detection) -> tuple[str, int]:
    """Give the key of what a colour belongs to, this detection of this class: another may have the same box."""
    return name, id(detection)


@dataclass(frozen=True)
class DetectorSettings:
    """What a command line says of its detector; weights, config: None where it does not name them.

    floor: detections that score no more are not needed.
    """

    weights: str | None = None
    config: str | None = None
    device: str = "cpu"
    floor: float = 0.05


class Backend(Protocol):
    """An object detector. `identity` names it and its weights (sha256) and goes into every result.

    knows_colours: whether it tells the colours of what it sees, so that no classifier is needed.
    """

    identity: dict[str, str]
    knows_colours: ClassVar[bool]

    @classmethod
    def from_settings(cls, settings: DetectorSettings) -> Self:
        """Make it as a command line asks. Raises ConfigError, with the option to add, if a setting is missing."""
        ...

    def see(self, images: Sequence[Image], keys: Sequence[str]) -> list[Seen]:
        """Detect objects in each image; keys are the images' names, for backends that look results up."""
        ...


class Colours(Protocol):
    """A colour classifier for backends that do not know colours (clip.py)."""

    identity: dict[str, str]

    def for_image(self, image: Image) -> ColourClassifier:
        """Make the classifier of this image's detections."""
        ...


def known_colours(answers: Answers) -> ColourClassifier:
    """Make a classifier that looks colours up. Raises ConfigError for a detection without one."""

    def classify(detections: Sequence[Detection], name: str) -> list[str]:
        missing = [detection for detection in detections if key_of(name, detection) not in answers]
        if missing:
            raise ConfigError(
                f"The colour of the {name} at {_words(missing[0][0])} is not known: neither the detector nor "
                "the stored results give it. Score the images with the CLIP colour classifier (score --clip)."
            )
        return [answers[key_of(name, detection)] for detection in detections]

    return classify


def _words(box: Box) -> str:
    return "[" + ", ".join(f"{v:.4g}" for v in box) + "]"


BACKENDS = {
    "shapes": ("fpd_bench.tracks.shapes.geneval_backend", "ShapesBackend"),
    "precomputed": ("fpd_bench.evals.geneval.precomputed", "PrecomputedBackend"),
    "mask2former-hf": ("fpd_bench.evals.geneval.mask2former", "Mask2FormerBackend"),
    "mmdet": ("fpd_bench.evals.geneval.mmdet", "MmdetBackend"),
}


def backend(name: str, **options: Any) -> Backend:
    """Make the backend called `name`, with its options. Raises UnknownName, and AssetError for missing files."""
    return backend_class(name)(**options)


def backend_class(name: str) -> type[Backend]:
    """Import the class of the backend called `name`, and no other backend. Raises UnknownName."""
    if name not in BACKENDS:
        raise UnknownName("GenEval detector", name, BACKENDS)
    module, attribute = BACKENDS[name]
    found: type[Backend] = getattr(importlib.import_module(module), attribute)
    return found


def score_images(
    images: NDArray[np.uint8],
    metadata: Sequence[Mapping[str, Any]],
    detector: Backend,
    *,
    counting_threshold: float = 0.9,
    threshold: float = 0.3,
) -> list[dict[str, Any]]:
    """Judge images [n, H, W, 3] against n metadata rows, for a backend that knows colours.

    Returns one {"score": 0.0 or 1.0, "task", "detail": {"reason", "objects"}} per image, objects =
    {class: [[x1, y1, x2, y2, score], ...]} as kept by the thresholds.
    """
    if len(images) != len(metadata):
        raise ConfigError(f"{len(images)} images cannot be scored against {len(metadata)} metadata rows.")
    options = Options(threshold=threshold, counting_threshold=counting_threshold)
    records = []
    for seen, row in zip(detector.see(list(images), [str(i) for i in range(len(images))]), metadata, strict=True):
        judgement = evaluate_image(seen.detections, row, known_colours(seen.answers()), options)
        detail = {"reason": judgement.reason, "objects": judgement.details}
        records.append({"score": float(judgement.correct), "task": row["tag"], "detail": detail})
    return records
