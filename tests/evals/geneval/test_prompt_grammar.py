"""The prompt suite is GenEval's, byte for byte; the grammar serves other worlds."""

import hashlib
import json
from collections import Counter

import pytest

from fpd_bench.errors import UnknownName
from fpd_bench.evals.geneval import prompt_grammar
from fpd_bench.tracks.shapes.drawing import PALETTE, SHAPES


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_official_files_byte_for_byte():
    rows = prompt_grammar.geneval_rows()
    metadata = prompt_grammar.to_jsonl(rows)
    assert len(metadata) == 85_209
    assert sha256(metadata) == "5c48e0813e812e3c373fa5c8ed07a8f0a483be30272b4427b0559c8048e67c13"
    lines = "\n".join(r["prompt"] for r in rows)
    assert "55b6e3650e980c13daf30569eb666e000faf19bfc2b7b4cbe999fcdb7aa9d680" in {sha256(lines), sha256(lines + "\n")}
    names = "\n".join(prompt_grammar.CLASSES)
    assert "608f6a0e5c8ca1c7a92b818430141fe268c85b7930b50f4160f1d65893b5bacd" in {sha256(names), sha256(names + "\n")}


def test_the_official_counts():
    rows = prompt_grammar.geneval_rows()
    assert Counter(r["tag"] for r in rows) == {
        "single_object": 80, "two_object": 99, "counting": 80, "colors": 94, "position": 100, "color_attr": 100,
    }  # fmt: skip
    assert len({r["prompt"] for r in rows}) == 553


def test_a_changed_random_stream_is_noticed(monkeypatch):
    monkeypatch.setattr(prompt_grammar, "_SEED", 44)
    with pytest.raises(prompt_grammar.AssetError, match="random stream has changed"):
        prompt_grammar.geneval_rows()


def test_every_row_of_the_shapes_world():
    shapes, colours = list(SHAPES), list(PALETTE)
    sizes = {task: len(prompt_grammar.every_row(task, shapes, colours)) for task in prompt_grammar.TASKS}
    assert sizes == {
        "single_object": 12, "two_object": 132, "counting": 36, "colors": 120, "position": 528, "color_attr": 11_880,
    }  # fmt: skip
    texts = {r["prompt"] for task in prompt_grammar.TASKS for r in prompt_grammar.every_row(task, shapes, colours)}
    words = {word for text in texts for word in text.split()}
    assert len(texts) == sum(sizes.values()) and len(words) == 46


def test_captions():
    assert prompt_grammar.caption("colors", "hourglass", "orange") == "a photo of an orange hourglass"
    assert prompt_grammar.caption("counting", "cross", 3) == "a photo of three crosses"
    assert prompt_grammar.caption("position", "star", "left of", "bar") == "a photo of a star left of a bar"
    row = prompt_grammar.row("position", "star", "left of", "bar")
    assert json.dumps(row["include"]) == (
        '[{"class": "bar", "count": 1}, {"class": "star", "count": 1, "position": ["left of", 0]}]'
    )
    assert list(prompt_grammar.row("counting", "bar", 2)) == ["tag", "include", "exclude", "prompt"]
    with pytest.raises(UnknownName, match="'colour'.*'colors'"):
        prompt_grammar.row("colour", "bar", "red")
