"""GenEval's correctness rules: detections of one image in, right or wrong with the reason out.

Rules and reason lines follow GenEval (Ghosh et al. 2023, arXiv:2310.11513; djghosh13/geneval@af4902f) and are held
to its outputs by tests/evals/geneval/test_scoring.py. Deviations, both where the original is arbitrary: equal scores
keep their order, and the relation words of a reason line are sorted. No detector, no CLIP, no torch in here.

A detection is (box, mask): box float32 [x1, y1, x2, y2, score], mask bool [H, W] or None.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpd_bench.errors import ConfigError
from fpd_bench.evals.geneval.prompt_grammar import COLOURS

Box = NDArray[np.float32]
Detection = tuple[Box, NDArray[np.bool_] | None]
Detections = Mapping[str, Sequence[Detection]]
ColourClassifier = Callable[[Sequence[Detection], str], Sequence[str]]  # (detections, class name) -> a colour each


@dataclass(frozen=True)
class Options:
    """GenEval's settings. Scores must exceed the threshold; `counting_threshold` replaces it for task counting."""

    threshold: float = 0.3
    counting_threshold: float = 0.9
    max_objects: int = 16  # per class, best first
    max_overlap: float = 1.0  # IoU from which the lower-scoring box is dropped; 1 = no suppression at all
    position_threshold: float = 0.1  # share of both boxes' sizes that an offset must exceed

    def __post_init__(self) -> None:
        """Raise ConfigError for a setting under which nothing, or something else than asked for, would count."""
        for name in ("threshold", "counting_threshold", "max_overlap", "position_threshold"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} must be a number from 0 to 1; got {getattr(self, name)}.")
        if self.max_objects < 1:
            raise ConfigError(f"max_objects must be a whole number from 1; got {self.max_objects}.")


@dataclass(frozen=True)
class ImageJudgement:
    """One image. details: class -> kept boxes [[x1, y1, x2, y2, score], ...], best first."""

    correct: bool
    reason: str
    details: dict[str, list[list[float]]]


def compute_iou(a: Sequence[float] | Box, b: Sequence[float] | Box) -> float:
    """Divide intersection by union of two boxes, counting both border pixels (+1 on each side).

    In float64, as the original's: in float32 seven tenths are less than --max-overlap 0.7.
    """
    a, b = ([float(v) for v in box[:4]] for box in (a, b))

    def area(x1: float, y1: float, x2: float, y2: float) -> float:
        return max(x2 - x1 + 1, 0) * max(y2 - y1 + 1, 0)

    common = area(max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
    union = area(*a) + area(*b) - common
    return float(common / union) if union else 0.0


def relative_position(a: Sequence[float] | Box, b: Sequence[float] | Box, threshold: float = 0.1) -> set[str]:
    """Say how box a lies relative to box b: none, one or (on a diagonal) two of GenEval's four relations."""
    first, second = (np.asarray(box, dtype=np.float32)[:4].reshape(2, 2) for box in (a, b))
    offset = first.mean(axis=0) - second.mean(axis=0)
    reach = np.abs(first[1] - first[0]) + np.abs(second[1] - second[0])
    beyond = np.maximum(np.abs(offset) - threshold * reach, 0) * np.sign(offset)
    if (np.abs(beyond) < 1e-3).all():
        return set()
    dx, dy = beyond / np.linalg.norm(offset)
    holds = {"left of": dx < -0.5, "right of": dx > 0.5, "above": dy < -0.5, "below": dy > 0.5}
    return {name for name, true in holds.items() if true}


def filter_detections(detections: Detections, tag: str, options: Options) -> dict[str, list[Detection]]:
    """Keep the detections GenEval counts: above the task's threshold, best first, at most max_objects per class.

    Classes without a kept detection are absent; the order of the classes is kept.
    """
    threshold = np.float32(options.counting_threshold if tag == "counting" else options.threshold)
    kept = {}
    for name, found in detections.items():
        above = [item for item in found if np.float32(item[0][4]) > threshold]
        best = sorted(above, key=lambda item: -float(item[0][4]))[: options.max_objects]
        if options.max_overlap != 1:
            best = _suppress(best, options.max_overlap)
        if best:
            kept[name] = best
    return kept


def _suppress(detections: list[Detection], max_overlap: float) -> list[Detection]:
    """Suppress overlapping boxes of one class greedily, best first (non-maximum suppression)."""
    kept: list[Detection] = []
    for item in detections:
        if all(compute_iou(item[0], other[0]) < max_overlap for other in kept):
            kept.append(item)
    return kept


def evaluate_image(
    detections: Detections,
    metadata: Mapping[str, Any],
    classify: ColourClassifier,
    options: Options | None = None,
) -> ImageJudgement:
    """Judge all detections of one image (unfiltered) against one metadata row.

    classify(detections, class name) names a colour for each and is called only where a clause asks for colours.
    Raises ConfigError for a metadata row that cannot be evaluated.
    """
    options = options or Options()
    kept = filter_detections(detections, metadata.get("tag", ""), options)
    reasons: list[str] = []
    groups: list[Sequence[Detection] | None] = []  # what each include clause matched; None where it failed
    for clause in metadata.get("include", []):
        problem, found = _include(clause, kept, groups, classify, options)
        groups.append(None if problem else found)
        reasons += [problem] if problem else []
    for clause in metadata.get("exclude", []):
        count = len(kept.get(clause["class"], ()))
        if count >= clause["count"]:
            reasons.append(f"expected {clause['class']}<{clause['count']}, found {count}")
    details = {name: [[float(v) for v in box] for box, _ in found] for name, found in kept.items()}
    return ImageJudgement(not reasons, "\n".join(reasons), details)


def _include(
    clause: Mapping[str, Any],
    kept: Mapping[str, Sequence[Detection]],
    groups: Sequence[Sequence[Detection] | None],
    classify: ColourClassifier,
    options: Options,
) -> tuple[str, Sequence[Detection]]:
    """Judge one include clause: (what is wrong or "", the objects that stand for it)."""
    name, count = clause["class"], clause["count"]
    found = kept.get(name, ())[:count]
    problem = ""
    if len(found) < count:
        problem = f"expected {name}>={count}, found {len(found)}"
    elif "color" in clause:
        problem = _wrong_colours(clause, list(classify(found, name)))
    if not problem and "position" in clause:
        problem = _wrong_position(clause, found, groups, options)
    return problem, found


def _wrong_colours(clause: Mapping[str, Any], colours: list[str]) -> str:
    wanted, count = clause["color"], clause["count"]
    right = colours.count(wanted)
    if right >= count:
        return ""
    order = [*COLOURS, *sorted(set(colours) - set(COLOURS))]
    seen = ", ".join(f"{colours.count(colour)} {colour}" for colour in order if colour in colours)
    return f"expected {wanted} {clause['class']}>={count}, found {right} {wanted}; and {seen}"


def _wrong_position(
    clause: Mapping[str, Any],
    found: Sequence[Detection],
    groups: Sequence[Sequence[Detection] | None],
    options: Options,
) -> str:
    relation, target = clause["position"]
    if not 0 <= target < len(groups):
        raise ConfigError(
            f"The position clause {clause} points at include[{target}], which does not come before it "
            f"({len(groups)} clauses do). Put the reference object first."
        )
    group = groups[target]
    if group is None:
        return f"no target for {clause['class']} to be {relation}"
    for box, _ in found:
        for other, _ in group:
            relations = relative_position(box, other, options.position_threshold)
            if relation not in relations:
                seen = " and ".join(sorted(relations))
                return f"expected {clause['class']} {relation} target, found {seen} target"
    return ""
