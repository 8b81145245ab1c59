"""`python -m fpd_bench.evals.geneval` from images to summary, with the weightless detector and a tiny suite."""

import json

import numpy as np
import pytest

from fpd_bench.evals.geneval import results_file
from fpd_bench.evals.geneval.__main__ import main
from fpd_bench.evals.geneval.folder import write_prompt
from fpd_bench.evals.geneval.prompt_grammar import METADATA_SHA256, colors, counting, position, to_jsonl
from fpd_bench.tracks.shapes.drawing import render

ROWS = [colors("circle", "red"), counting("square", 2), position("star", "left of", "bar"), colors("ring", "blue")]
SCENES = [
    [("circle", "red", 16, 16)],
    [("square", "blue", 8, 8), ("square", "white", 24, 24)],
    [("star", "pink", 8, 16), ("bar", "black", 24, 16)],
    [("ring", "green", 16, 16)],  # wrong colour
]


def draw(scene):
    keys = ("shape", "color", "cx", "cy")
    return render([{**dict(zip(keys, thing, strict=True)), "r": 7} for thing in scene], 32, 134)


@pytest.fixture
def suite(tmp_path):
    """Four prompts of two images: the right scene, and an empty one."""
    for i, (row, scene) in enumerate(zip(ROWS, SCENES, strict=True)):
        write_prompt(tmp_path / "images", i, row, np.stack([draw(scene), draw([])]))
    (tmp_path / "suite.jsonl").write_text(to_jsonl(ROWS))
    return tmp_path


def run(suite, *words, code=0):
    """Run a command; --metadata and --images-per-prompt are added for commands that take them."""
    words = [str(word) for word in words]
    if words[0] in ("score", "summary"):
        words += ["--metadata", str(suite / "suite.jsonl"), "--images-per-prompt", "2"]
    assert main(words) == code


def score(suite, *words, code=0, out="results.jsonl"):
    run(suite, "score", suite / "images", "--detector", "shapes", "--out", suite / out, *words, code=code)


def test_score_and_summary(suite, capsys):
    score(suite)
    text = capsys.readouterr().out
    assert "Total images: 8\nTotal prompts: 4\n% correct images: 37.50%\n% correct prompts: 75.00%" in text
    assert "colors           = 25.00% (1 / 4)" in text
    assert "Overall score (avg. over tasks): 0.41667" in text
    run(suite, "summary", suite / "results.jsonl")
    assert capsys.readouterr().out == text
    run(suite, "summary", suite / "results.jsonl", "--json")
    assert json.loads(capsys.readouterr().out)["tasks"] == {"colors": 0.25, "counting": 0.5, "position": 0.5}
    rows = results_file.read(suite / "results.jsonl")
    assert list(rows[0])[:7] == ["filename", "tag", "prompt", "correct", "reason", "metadata", "details"]
    assert rows[6]["reason"] == "expected blue ring>=1, found 0 blue; and 1 green"


def test_scoring_continues_after_a_torn_line(suite, capsys):
    score(suite)
    path = suite / "results.jsonl"
    whole = path.read_bytes()
    for keep in (0, 500, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:keep])
        score(suite, "--batch", "3")
        assert path.read_bytes() == whole
    score(suite)
    assert path.read_bytes() == whole


def test_shards_make_the_whole(suite, capsys):
    score(suite)
    alone = capsys.readouterr().out
    for i in (1, 2, 3):
        score(suite, "--shard", f"{i}/3")
    shards = [suite / f"results.{i}-of-3.jsonl" for i in (1, 2, 3)]
    run(suite, "summary", *shards)
    assert capsys.readouterr().out == alone
    merged = [row for path in shards for row in results_file.read(path)]
    assert sorted(merged, key=lambda r: r["filename"]) == results_file.read(suite / "results.jsonl")
    run(suite, "summary", *shards[:2], code=2)
    assert "incomplete" in capsys.readouterr().err
    run(suite, "summary", shards[0], shards[0], *shards[1:], code=2)
    assert "scored twice" in capsys.readouterr().err
    score(suite, "--shard", "4/3", code=2)
    assert "i/n" in capsys.readouterr().err


def test_rescoring_equals_scoring(suite, capsys):
    score(suite)
    score(suite, "--threshold", "0.99", "--counting-threshold", "0.99", out="strict.jsonl")
    strict = capsys.readouterr().out
    for source in ("results.jsonl", "strict.jsonl"):
        run(suite, "rescore", suite / source, "--out", suite / "again.jsonl", "--threshold", "0.99",
            "--counting-threshold", "0.99")  # fmt: skip
        assert results_file.read(suite / "again.jsonl") == results_file.read(suite / "strict.jsonl")
    assert strict.endswith(capsys.readouterr().out[-100:])
    run(suite, "rescore", suite / "results.jsonl", "--out", suite / "low.jsonl", "--threshold", "0.01", code=2)
    assert "score the images again" in capsys.readouterr().err
    run(suite, "rescore", suite / "results.jsonl", "--out", suite / "results.jsonl", code=2)


def test_other_settings_need_another_file(suite, capsys):
    score(suite)
    score(suite, "--threshold", "0.5", code=2)
    assert "made differently" in capsys.readouterr().err
    write_prompt(suite / "images", 0, ROWS[0], np.stack([draw([]), draw([])]))
    score(suite, code=2)
    assert "has changed since it was scored" in capsys.readouterr().err


def test_stored_detections_stand_in_for_a_detector(suite, capsys):
    score(suite)
    first = capsys.readouterr().out
    common = ("score", suite / "images", "--detector", "precomputed", "--weights")
    run(suite, *common, suite / "results.jsonl", "--out", suite / "again.jsonl")
    assert capsys.readouterr().out == first
    stored = {
        row["filename"]: {
            name: [[*box, colour] for box, colour in zip(boxes, json.loads(row["colours"])[name], strict=True)]
            for name, boxes in json.loads(row["detections"]).items()
        }
        for row in results_file.read(suite / "results.jsonl")
    }
    (suite / "stored.json").write_text(json.dumps(stored))
    run(suite, *common, suite / "stored.json", "--out", suite / "third.jsonl")
    assert capsys.readouterr().out == first
    del stored["00003/samples/00001.png"]
    (suite / "stored.json").write_text(json.dumps(stored))
    run(suite, *common, suite / "stored.json", "--out", suite / "fourth.jsonl", code=2)
    assert "lack 00003/samples/00001.png" in capsys.readouterr().err


def test_results_of_the_original_are_read(suite, capsys):
    score(suite)
    first = capsys.readouterr().out
    columns = ("filename", "tag", "prompt", "correct", "reason", "metadata", "details")
    results_file.write(
        suite / "theirs.jsonl", [{c: r[c] for c in columns} for r in results_file.read(suite / "results.jsonl")]
    )
    run(suite, "summary", suite / "theirs.jsonl")
    assert capsys.readouterr().out == first
    run(suite, "rescore", suite / "theirs.jsonl", "--out", suite / "x.jsonl", "--threshold", "0.2", code=2)
    assert "no stored detections between 0.2 and 0.3" in capsys.readouterr().err
    run(suite, "rescore", suite / "theirs.jsonl", "--out", suite / "x.jsonl", code=2)
    assert "colour of the circle" in capsys.readouterr().err


def test_an_incomplete_folder_is_refused(suite, capsys):
    (suite / "images" / "00001" / "samples" / "00000.png").unlink()
    score(suite, code=2)
    assert "1 of 4 prompts do not have 2 images" in capsys.readouterr().err
    score(suite, "--partial")
    assert "Total images: 7" in capsys.readouterr().out
    run(suite, "summary", suite / "results.jsonl", code=2)
    run(suite, "summary", suite / "results.jsonl", "--partial")


def test_selftest(suite, capsys):
    image, expected = suite / "images" / "00002" / "samples" / "00000.png", None
    expected = image.with_suffix(".json")
    run(suite, "selftest", expected, "--record", image, "--detector", "shapes")
    run(suite, "selftest", expected, "--detector", "shapes")
    assert "2 objects as expected" in capsys.readouterr().out
    score(suite, "--self-test", expected)
    content = json.loads(expected.read_text())
    content["objects"][0][5] -= 0.1
    expected.write_text(json.dumps(content))
    score(suite, "--self-test", expected, code=1)
    assert "self-test failed: expected" in capsys.readouterr().err
    content["objects"] = content["objects"][1:]
    expected.write_text(json.dumps(content))
    run(suite, "selftest", expected, "--detector", "shapes", code=1)
    assert "unexpected" in capsys.readouterr().err


def test_prompts(tmp_path, capsys):
    import hashlib

    assert main(["prompts"]) == 0
    assert hashlib.sha256(capsys.readouterr().out.encode()).hexdigest() == METADATA_SHA256
    assert main(["prompts", "--out", str(tmp_path / "new")]) == 0
    assert {p.name for p in (tmp_path / "new").iterdir()} == {
        "evaluation_metadata.jsonl", "generation_prompts.txt", "object_names.txt",
    }  # fmt: skip


def test_wrong_words(suite, capsys):
    score(suite, "--detector", "shaeps", code=2)
    assert "Did you mean 'shapes'" in capsys.readouterr().err
    score(suite, "--detector", "precomputed", code=2)
    assert "--weights FILE" in capsys.readouterr().err
    score(suite, "--detector", "mmdet", code=2)
    assert "--config FILE.py" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["score", "--help"])
    assert "examples:" in capsys.readouterr().out
