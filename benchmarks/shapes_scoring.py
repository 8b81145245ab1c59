"""Images a second that the shapes scorer takes on one core, in batches, against an image and an object at a time.

    python benchmarks/shapes_scoring.py [--images 1024]

The images are the teacher's own for the test prompts. Goal: 4 times the plain detector
(tests/tracks/shapes/plain_detector.py, which is how the scorer was before), every record identical. CPU time.
"""

import argparse
import sys
from pathlib import Path

import torch
from side_by_side import Row, measure, number, report

sys.path.append(str(Path(__file__).parents[1] / "tests" / "tracks" / "shapes"))

from plain_detector import PlainDetector

from fpd_bench.evals.geneval.detectors import score_images
from fpd_bench.registry import tracks
from fpd_bench.runs.perform.suite_images import to_pixels
from fpd_bench.tracks.shapes.geneval_backend import ShapesBackend
from fpd_bench.tracks.shapes.track import RADIUS_GATE, TOGETHER

STEPS = 16


class PlainBackend(ShapesBackend):
    """The same backend on the plain detector."""

    def __init__(self, *words):
        super().__init__(*words)
        self._plain = PlainDetector(*words)

    def see(self, images, keys):
        return [self._seen(self._plain.detect(image)) for image in images]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1024)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    track = tracks.get("shapes")("plain")
    images, metadata = drawn(track, asked.images)
    words = track.world.shapes, track.world.colours, tuple(factor * track.world.radius for factor in RADIUS_GATE)
    records = {}

    def score(name, backend, at_once):
        records[name] = []
        for begin in range(0, len(images), at_once):
            part = slice(begin, begin + at_once)
            records[name] += score_images(images[part], metadata[part], backend)

    ours, plain = ShapesBackend(*words), PlainBackend(*words)
    sides = {f"ours {n}": lambda n=n: score(f"ours {n}", ours, n) for n in (TOGETHER, 4)}
    times = measure(sides | {"plain": lambda: score("plain", plain, 1)}, repeats=5)
    assert all(records[name] == records["plain"] for name in sides), "records differ"
    report(
        *(
            Row(
                f"shapes scoring, {n} images at a time, records identical",
                "an image and an object at a time",
                f"{number(len(images) / times[f'ours {n}'])} images/s",
                f"{number(len(images) / times['plain'])} images/s",
                times.ratio("plain", f"ours {n}"),
                5,
                times.spread("plain", f"ours {n}"),
                ">= 4" if n == TOGETHER else "",
            )
            for n in (TOGETHER, 4)
        )
    )


def drawn(track, count):
    """The teacher's images [count, H, W, 3] for test prompts in turn, and what each is asked to show."""
    suite, images = track.suite("test"), []
    which = [n % len(suite.items) for n in range(count)]
    for begin in range(0, count, 128):
        part = which[begin : begin + 128]
        noise = [torch.Generator().manual_seed(begin + n) for n in range(len(part))]
        condition = suite.condition[part]
        images.append(torch.from_numpy(to_pixels(track, track.teacher_sample(condition, STEPS, noise), condition)))
    rows = [{k: v for k, v in suite.items[n].metadata.items() if k != "novel"} for n in which]
    return torch.cat(images).numpy(), rows


if __name__ == "__main__":
    main()
