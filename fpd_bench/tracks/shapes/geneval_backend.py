"""The shapes track's detector as one of GenEval's backends: it needs no weights and tells colours itself."""

from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np

from fpd_bench.evals.geneval.detectors import DetectorSettings, Image, Seen
from fpd_bench.evals.geneval.scoring import Detection
from fpd_bench.tracks.shapes.detector import Detector, Found
from fpd_bench.tracks.shapes.drawing import PALETTE, SHAPES


class ShapesBackend:
    """The embedded detector of the shapes track: no weights, its own colours."""

    knows_colours: ClassVar[bool] = True

    def __init__(
        self,
        shapes: Sequence[str] | None = None,
        colours: Sequence[str] | None = None,
        radii: tuple[float, float] | None = None,
    ):
        self._detector = Detector(list(shapes or SHAPES), list(colours or PALETTE), radii)
        words = f"{','.join(self._detector.shapes)};{','.join(self._detector.colours)}"
        self.identity = {"backend": "shapes", "version": "1", "words": words, "radii": str(radii)}

    @classmethod
    def from_settings(cls, settings: DetectorSettings) -> Self:
        """Make it as `Backend.from_settings`; it needs none of them."""
        return cls()

    def see(self, images: Sequence[Image], keys: Sequence[str]) -> list[Seen]:
        """See the objects of each image, as Backend says."""
        return [self._seen(found) for found in self._detector.detect_all(images)]

    def _seen(self, found: list[Found]) -> Seen:
        detections: dict[str, list[Detection]] = {name: [] for name in self._detector.shapes}
        colours: dict[str, list[str | None]] = {name: [] for name in self._detector.shapes}
        for thing in found:
            box = np.array([*thing["box"], thing["score"]], dtype=np.float32)
            detections[thing["class"]].append((box, thing["mask"]))
            colours[thing["class"]].append(thing["color"])
        return Seen(detections, colours)
