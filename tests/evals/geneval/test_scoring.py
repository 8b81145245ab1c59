"""Our scoring against the outputs of the original GenEval functions (tests/golden, geneval_logic.md)."""

import json
import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fpd_bench.errors import ConfigError
from fpd_bench.evals.geneval.colours import object_crop
from fpd_bench.evals.geneval.scoring import Options, compute_iou, evaluate_image, relative_position
from fpd_bench.evals.geneval.summary import summarise


@cache
def golden(key: str) -> list:
    folder = os.environ.get("FPD_GOLDEN_DIR", Path(__file__).parents[2] / "golden")
    name = f"geneval_logic_{os.environ.get('FPD_GOLDEN_SET', 'a')}.json"
    cases = json.loads((Path(folder) / name).read_text())[key]
    assert cases, f"{name} has no cases of {key}"
    return cases


def grouped(flat: list[dict]) -> tuple[dict, dict]:
    """Golden detections -> {class: [(box, None)]}, and the colour the mocked classifier gives each box."""
    detections: dict = {}
    colours = {}
    for d in flat:
        box = np.array([*d["box"], d["score"]], dtype=np.float32)
        detections.setdefault(d["class"], []).append((box, None))
        colours[box.tobytes()] = d["color"]
    return detections, colours


def test_evaluate_image():
    for case in golden("evaluate_image"):
        detections, colours = grouped(case["detections"])

        def classify(objects, name, colours=colours):
            return [colours[box.tobytes()] for box, _ in objects]

        ours = evaluate_image(detections, case["metadata"], classify, Options(**case["options"]))
        expected = case["expected"]
        assert (ours.correct, ours.reason) == (expected["correct"], expected["reason"]), case["id"]
        assert ours.details.keys() == expected["details"].keys(), case["id"]
        for name, boxes in expected["details"].items():
            assert np.array_equal(np.float32(ours.details[name]), np.float32(boxes)), case["id"]


def test_relative_position():
    for case in golden("relative_position"):
        ours = relative_position(case["a"], case["b"], case["position_threshold"])
        assert sorted(ours) == case["relations_of_a_to_b"], case


def test_compute_iou():
    for case in golden("compute_iou"):
        assert compute_iou(case["a"], case["b"]) == pytest.approx(case["iou"], abs=1e-6)


def test_image_crops():
    for case in golden("image_crops"):
        image = Image.fromarray(np.array(case["image"], dtype=np.uint8))
        mask = None if case["mask"] is None else np.array(case["mask"], dtype=bool)
        options = case["options"]
        ours = object_crop(
            image, case["box"], mask, background=options.get("bgcolor", "#999"), crop=options.get("crop", "1") == "1"
        )
        assert np.array_equal(np.asarray(ours), np.array(case["expected"], dtype=np.uint8)), case["options"]


def test_summary_scores():
    for case in golden("summary_scores"):
        assert summarise(case["rows"]).text() == case["stdout"]


def test_summary_numbers_agree_with_the_text():
    rows = [{"tag": t, "correct": c, "metadata": m} for t, c, m in [("a", 1, "x"), ("a", 0, "x"), ("b", 0, "y")]]
    numbers = summarise(rows).as_dict()
    assert numbers == {
        "overall": 0.25,
        "tasks": {"a": 0.5, "b": 0.0},
        "images": 3,
        "prompts": 2,
        "correct_images": 1 / 3,
        "correct_prompts": 0.5,
    }
    with pytest.raises(ConfigError, match="no results"):
        summarise([])


def test_a_score_equal_to_the_threshold_does_not_count():
    row = {"tag": "single_object", "include": [{"class": "cat", "count": 1}], "prompt": "a photo of a cat"}
    for score, right in [(0.3, False), (np.nextafter(np.float32(0.3), np.float32(1)), True)]:
        detections = {"cat": [(np.array([0, 0, 5, 5, score], dtype=np.float32), None)]}
        assert evaluate_image(detections, row, lambda objects, name: []).correct is right


def test_a_position_must_point_backwards():
    row = {"tag": "position", "include": [{"class": "cat", "count": 1, "position": ["above", 0]}]}
    cat = {"cat": [(np.array([0, 0, 5, 5, 0.9], dtype=np.float32), None)]}
    with pytest.raises(ConfigError, match="reference object first"):
        evaluate_image(cat, row, lambda objects, name: [])
