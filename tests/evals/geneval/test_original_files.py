"""GenEval's own files, and others like them: read as the original meant them, refused where they belong elsewhere."""

import json

import numpy as np
import pytest
from PIL import Image

from fpd_bench.evals.geneval import results_file
from fpd_bench.evals.geneval.__main__ import main
from fpd_bench.evals.geneval.folder import write_prompt
from fpd_bench.evals.geneval.prompt_grammar import (
    color_attr,
    counting,
    geneval_rows,
    single_object,
    to_jsonl,
    two_object,
)
from fpd_bench.evals.geneval.scoring import compute_iou
from fpd_bench.tracks.shapes.drawing import render

ROWS = [single_object("circle"), counting("square", 2), two_object("star", "bar")]
SCENES = [
    [("circle", "red", 16, 16)],
    [("square", "blue", 8, 8), ("square", "white", 24, 24)],
    [("star", "pink", 8, 16), ("bar", "black", 24, 16)],
]
THEIRS = ("filename", "tag", "prompt", "correct", "reason", "metadata", "details")


def draw(scene):
    keys = ("shape", "color", "cx", "cy")
    return render([{**dict(zip(keys, thing, strict=True)), "r": 7} for thing in scene], 32, 134)


@pytest.fixture
def place(tmp_path):
    """Images named as GenEval's script for Stable Diffusion names them (0000.png), and their suite."""
    for i, (row, scene) in enumerate(zip(ROWS, SCENES, strict=True)):
        write_prompt(tmp_path / "images", i, row, np.stack([draw(scene), draw([])]))
        for old in sorted((tmp_path / "images" / f"{i:05}" / "samples").iterdir()):
            old.rename(old.with_name(old.name[1:]))
    (tmp_path / "suite.jsonl").write_text(to_jsonl(ROWS))
    return tmp_path


def command(place, *words, code=0, n=2):
    words = [str(word) for word in words]
    if words[0] in ("score", "summary"):
        words += ["--metadata", str(place / "suite.jsonl"), "--images-per-prompt", str(n)]
    assert main(words) == code


def score(place, *words, out="results.jsonl", **options):
    command(place, "score", place / "images", "--out", place / out, *words, **options)


def stored(place, *words, **options):
    score(place, "--detector", "precomputed", "--weights", place / "theirs.jsonl", *words, **options)


def theirs(place, prefix="/data/someone/outputs/"):
    """What the original writes on another machine: seven columns, whole paths."""
    score(place, "--detector", "shapes", out="ours.jsonl")
    rows = [{column: row[column] for column in THEIRS} for row in results_file.read(place / "ours.jsonl")]
    lines = [json.dumps(row | {"filename": prefix + row["filename"]}) for row in rows]
    (place / "theirs.jsonl").write_text("\n".join(lines) + "\n")
    return rows


# ------------------------------------------------------------------------------------------- stored detections (13)
@pytest.mark.parametrize("prefix", ["/data/someone/outputs/", "outputs/", "./", "", "//nas/a//", "C:\\runs\\"])
def test_images_are_found_by_the_last_three_parts_of_their_paths(place, prefix, capsys):
    theirs(place, prefix)
    first = capsys.readouterr().out
    stored(place)
    assert capsys.readouterr().out == first
    rows = results_file.read(place / "results.jsonl")
    assert [row["filename"] for row in rows][:2] == ["00000/samples/0000.png", "00000/samples/0001.png"]
    assert {row["tag"]: row["floor"] for row in rows} == {"single_object": 0.3, "counting": 0.9, "two_object": 0.3}


def test_backslashes_of_windows_are_slashes(place, capsys):
    theirs(place)
    text = (place / "theirs.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    (place / "theirs.jsonl").write_text(
        "".join(json.dumps(row | {"filename": row["filename"].replace("/", "\\")}) + "\n" for row in lines)
    )
    stored(place)


def test_detections_of_two_folders_in_one_file_are_refused(place, capsys):
    theirs(place)
    (place / "theirs.jsonl").write_text((place / "theirs.jsonl").read_text() * 2)
    stored(place, code=2)
    assert "has two images 00000/samples/0000.png" in capsys.readouterr().err
    assert not (place / "results.jsonl").exists()


def test_detections_of_another_folder_are_refused_before_any_row(place, capsys):
    theirs(place)
    write_prompt(place / "images", 0, ROWS[2], np.zeros((0, 1, 1, 3), dtype=np.uint8))
    write_prompt(place / "images", 2, ROWS[0], np.zeros((0, 1, 1, 3), dtype=np.uint8))
    stored(place, code=2)
    assert "are of 'a photo of a circle', but" in capsys.readouterr().err
    assert not (place / "results.jsonl").exists()


def test_our_detections_of_changed_pixels_are_refused(place, capsys):
    score(place, "--detector", "shapes", out="theirs.jsonl")
    Image.fromarray(draw([])).save(place / "images/00002/samples/0000.png")
    stored(place, code=2)
    assert "is not the image that the stored detections are of" in capsys.readouterr().err


def test_a_threshold_below_what_was_kept_is_refused_at_once_and_for_ever(place, capsys):
    theirs(place)
    stored(place, "--counting-threshold", "0.5", code=2)
    assert "no stored detections between 0.5 and 0.9" in capsys.readouterr().err
    assert not (place / "results.jsonl").exists()
    stored(place)
    again = ("rescore", place / "results.jsonl", "--out", place / "again.jsonl")
    command(place, *again, "--threshold", "0.1", code=2)  # what GenEval dropped is not there to be counted
    assert "no stored detections between 0.1 and 0.3" in capsys.readouterr().err
    command(place, *again, "--threshold", "0.5", "--counting-threshold", "0.95")


def test_detections_that_lack_an_image_say_which_and_leave_nothing(place, capsys):
    theirs(place)
    lines = (place / "theirs.jsonl").read_text().splitlines(keepends=True)
    (place / "theirs.jsonl").write_text("".join(lines[:-2]))
    stored(place, code=2)
    assert "(4 images, such as 00000/samples/0000.png) lack 00002/samples/0000.png and 1 other" in (
        capsys.readouterr().err
    )
    assert sorted(path.name for path in place.iterdir() if "results" in path.name) == []


def bad_boxes():
    box = [1, 2, 3, 4, 0.5]
    yield from ([1, 2, 3, 4], [*box, 6], "1,2,3,4,5", None, [1, 2, 3, 4, "0.5"], [1, 2, 3, 4, True], {})
    yield from ([3, 2, 1, 4, 0.5], [1, 4, 3, 2, 0.5], [1, 2, 3, 4, 50], [1, 2, 3, 4, -0.1], [1, 2, 3, 10**400, 0.5])


@pytest.mark.parametrize("box", list(bad_boxes()), ids=str)
def test_boxes_that_are_none_are_refused(place, box, capsys):
    theirs(place)
    lines = [json.loads(line) for line in (place / "theirs.jsonl").read_text().splitlines()]
    lines[3]["details"] = json.dumps({"circle": [box]})
    (place / "theirs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
    stored(place, code=2)
    said = capsys.readouterr().err.splitlines()[-1]
    assert "[x1, y1, x2, y2, score]" in said and "00001/samples/0001.png" in said


# ---------------------------------------------------------------------- what fails first leaves nothing behind (14)
def fail_first(place, how):
    """Words under which the command fails before its first row; with `mend` it can be right."""
    if how == "a broken image":
        path = place / "images/00000/samples/0000.png"
        whole = path.read_bytes()
        path.write_bytes(whole[:50])
        return ["--detector", "shapes"], lambda: path.write_bytes(whole)
    if how == "colours nobody knows":
        write_prompt(place / "images", 0, color_attr("circle", "red", "star", "pink"), np.zeros((0, 1, 1, 3), np.uint8))
        (place / "suite.jsonl").write_text(to_jsonl([color_attr("circle", "red", "star", "pink"), *ROWS[1:]]))
        box = [0, 0, 9, 9, 0.8]
        names = [f"0000{i}/samples/000{j}.png" for i in range(3) for j in range(2)]
        (place / "theirs.json").write_text(json.dumps({name: {"circle": [box], "star": [box]} for name in names}))
        return ["--detector", "precomputed", "--weights", place / "theirs.json"], lambda: None
    theirs(place)
    (place / "empty.json").write_text("{}")
    return ["--detector", "precomputed", "--weights", place / "empty.json"], lambda: None


@pytest.mark.parametrize("how", ["a broken image", "colours nobody knows", "missing detections"])
def test_a_command_that_fails_first_leaves_no_out_that_refuses_the_right_one(place, how, capsys):
    words, mend = fail_first(place, how)
    score(place, *words, "--threshold", "0.4", code=2)
    assert not (place / "results.jsonl").exists() and not (place / "results.jsonl.manifest.json").exists()
    mend()
    score(place, "--detector", "shapes")
    assert "Total images: 6" in capsys.readouterr().out


def test_what_a_kill_leaves_before_the_first_row_refuses_nothing(place, capsys):
    score(place, "--detector", "shapes", "--threshold", "0.4")
    whole = (place / "results.jsonl").read_bytes()
    for left in (None, b"", whole[:60]):  # the manifest alone, an empty file, a torn first line
        (place / "results.jsonl").unlink()
        if left is not None:
            (place / "results.jsonl").write_bytes(left)
        score(place, "--detector", "shapes", "--threshold", "0.5")
        assert len(results_file.read(place / "results.jsonl")) == 6


def test_a_file_of_somebody_elses_is_never_written_over(place, capsys):
    for content in ("a line without an end", "words\n", "{}\n"):
        (place / "results.jsonl").write_text(content)
        score(place, "--detector", "shapes", code=2)
        assert (place / "results.jsonl").read_text() == content


def test_colours_that_a_later_row_lacks_are_missed_before_the_first(place, capsys):
    """GenEval's own file has none, and its prompts of colours come after hundreds of others."""
    rows = [*ROWS, color_attr("circle", "red", "star", "pink")]
    write_prompt(place / "images", 3, rows[3], np.stack([draw([])] * 2))
    (place / "suite.jsonl").write_text(to_jsonl(rows))
    boxes = {"circle": [[0, 0, 9, 9, 0.8]], "star": [[10, 10, 19, 19, 0.8]]}
    names = [f"0000{i}/samples/{name}.png" for i in range(4) for name in ("0000", "0001", "00000", "00001")]
    (place / "theirs.json").write_text(json.dumps(dict.fromkeys(names, boxes)))
    score(place, "--detector", "precomputed", "--weights", place / "theirs.json", code=2)
    assert "score --clip" in capsys.readouterr().err
    assert not (place / "results.jsonl").exists()


def test_a_failure_after_rows_keeps_them(place, capsys):
    path = place / "images/00002/samples/0001.png"
    whole = path.read_bytes()
    path.write_bytes(b"")
    score(place, "--detector", "shapes", "--batch", "1", code=2)
    assert len(results_file.read(place / "results.jsonl")) == 5
    path.write_bytes(whole)
    score(place, "--detector", "shapes", "--batch", "1")
    assert len(results_file.read(place / "results.jsonl")) == 6


def test_shards_of_two_outs_are_two_files(place, capsys):
    for out in ("a.v1", "a.v2"):
        score(place, "--detector", "shapes", "--shard", "1/2", out=out)
    assert {path.name for path in place.glob("*.1-of-2.jsonl")} == {"a.v1.1-of-2.jsonl", "a.v2.1-of-2.jsonl"}


# ------------------------------------------------------------------------------------- what a prompt's row means (15)
def turned(row):
    """The same row, every key in another place."""
    if isinstance(row, dict):
        return {name: turned(row[name]) for name in reversed(row)}
    return [turned(entry) for entry in row] if isinstance(row, list) else row


CHANGED = {
    "another order of keys": turned,
    "more keys": lambda row: {"id": 7, **row, "note": "x", "include": [{**c, "x": None} for c in row["include"]]},
    "counts with a point": lambda row: {**row, "include": [{**c, "count": float(c["count"])} for c in row["include"]]},
    "an empty exclude": lambda row: {"exclude": [], **row},
    "null for nothing": lambda row: {**row, "include": [{"color": None, **c} for c in row["include"]]},
}


@pytest.mark.parametrize("how", CHANGED)
def test_a_row_means_what_it_asks_for(place, how, capsys):
    score(place, "--detector", "shapes", out="first.jsonl")
    first = capsys.readouterr().out
    for folder, row in zip(sorted((place / "images").iterdir()), ROWS, strict=True):
        text = json.dumps(CHANGED[how](row), indent=1)
        (folder / "metadata.jsonl").write_text("\ufeff" + text, encoding="utf-8")
    score(place, "--detector", "shapes")
    assert capsys.readouterr().out == first
    assert results_file.read(place / "results.jsonl") == results_file.read(place / "first.jsonl")
    (place / "suite.jsonl").write_text("".join(json.dumps(CHANGED[how](row)) + "\n" for row in ROWS))
    score(place, "--detector", "shapes")  # the same suite: goes on with the same file
    command(place, "summary", place / "results.jsonl")
    assert capsys.readouterr().out == first + first


def test_the_official_suite_is_itself_in_any_order_of_keys(tmp_path):
    from fpd_bench.evals.geneval.prompt_rows import read_rows

    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(turned(row)) + "\n" for row in geneval_rows()))
    assert to_jsonl(read_rows(tmp_path / "rows.jsonl")) == to_jsonl(geneval_rows())


BAD_ROWS = {
    "no object": [1],
    "nothing asked": {"tag": "a", "prompt": "p", "include": []},
    "no prompt": {"tag": "a", "include": [{"class": "cat", "count": 1}]},
    "no tag": {"prompt": "a", "include": [{"class": "cat", "count": 1}]},
    "no class": {"tag": "a", "prompt": "p", "include": [{"count": 1}]},
    "no count": {"tag": "a", "prompt": "p", "include": [{"class": "cat"}]},
    "half a cat": {"tag": "a", "prompt": "p", "include": [{"class": "cat", "count": 1.5}]},
    "true cats": {"tag": "a", "prompt": "p", "include": [{"class": "cat", "count": True}]},
    "a clause that is none": {"tag": "a", "prompt": "p", "include": ["cat"]},
    "clauses that are none": {"tag": "a", "prompt": "p", "include": {"class": "cat"}},
    "a relation nobody knows": {
        "tag": "a", "prompt": "p", "include": [{"class": "cat", "count": 1, "position": ["left-of", 0]}],
    },
    "a place before the first": {
        "tag": "a", "prompt": "p", "include": [{"class": "cat", "count": 1, "position": ["above", -1]}],
    },
}  # fmt: skip


@pytest.mark.parametrize("how", BAD_ROWS)
def test_a_row_that_could_never_be_judged_is_refused(place, how, capsys):
    (place / "suite.jsonl").write_text(to_jsonl(ROWS) + json.dumps(BAD_ROWS[how]) + "\n")
    score(place, "--detector", "shapes", code=2)
    (said,) = capsys.readouterr().err.splitlines()
    assert "Line 4 of" in said and "is not a row of GenEval" in said


# --------------------------------------------------------------------------------------------- colours and boxes (15)
BOX = [0, 0, 9, 9, 0.8]


def of_boxes(place, row, detections, *words):
    """The one verdict on a picture in which these boxes were seen."""
    write_prompt(place / "one", 0, row, draw([])[None])
    (place / "suite.jsonl").write_text(to_jsonl([row]))
    (place / "boxes.json").write_text(json.dumps({"00000/samples/00000.png": detections}))
    command(place, "score", place / "one", "--detector", "precomputed", "--weights", place / "boxes.json",
            "--out", place / "one.jsonl", *words, n=1)  # fmt: skip
    (verdict,) = results_file.read(place / "one.jsonl")
    command(place, "rescore", place / "one.jsonl", "--out", place / "two.jsonl", *words)
    (again,) = results_file.read(place / "two.jsonl")
    assert again == verdict
    return verdict["correct"], verdict["reason"]


def test_two_classes_with_the_same_box_keep_their_colours(place):
    seen = {"cat": [[*BOX, "red"]], "dog": [[*BOX, "blue"]]}
    assert of_boxes(place, color_attr("cat", "red", "dog", "blue"), seen) == (True, "")


def test_two_objects_of_a_class_with_the_same_box_keep_their_colours(place):
    row = {"tag": "colors", "include": [{"class": "cat", "count": 2, "color": "red"}], "prompt": "two red cats"}
    assert of_boxes(place, row, {"cat": [[*BOX, "red"], [*BOX, "blue"]]}) == (
        False,
        "expected red cat>=2, found 1 red; and 1 red, 1 blue",
    )


def test_an_unknown_colour_is_not_borrowed_from_the_same_box(place, capsys):
    row = color_attr("cat", "red", "dog", "blue")
    write_prompt(place / "one", 0, row, draw([])[None])
    (place / "suite.jsonl").write_text(to_jsonl([row]))
    (place / "boxes.json").write_text(json.dumps({"00000/samples/00000.png": {"cat": [[*BOX, "red"]], "dog": [BOX]}}))
    command(place, "score", place / "one", "--detector", "precomputed", "--weights", place / "boxes.json",
            "--out", place / "one.jsonl", n=1, code=2)  # fmt: skip
    assert "The colour of the dog" in capsys.readouterr().err


@pytest.mark.parametrize(("overlap", "right"), [("0.7", False), ("0.71", True), ("1", True)])
def test_an_overlap_of_exactly_seven_tenths_is_not_below_them(place, overlap, right):
    seen = {"cat": [[0, 0, 9, 9, 0.99], [0, 0, 9, 6, 0.95]]}  # 70 of 100 pixels
    assert of_boxes(place, counting("cat", 2), seen, "--max-overlap", overlap)[0] is right


def test_every_overlap_of_hundredths_is_compared_in_float64():
    boxes = np.array([[0, 0, n - 1, 0, 1] for n in range(1, 101)], dtype=np.float32)
    found = [compute_iou(box, boxes[-1]) for box in boxes]
    assert found == [n / 100 for n in range(1, 101)]


# ---------------------------------------------------------------------------------------- partial and settings (15)
def test_partial_is_for_missing_images_not_for_surplus_ones(place, capsys):
    Image.fromarray(draw([])).save(place / "images/00001/samples/0002.png")
    for words in ([], ["--partial"]):
        score(place, "--detector", "shapes", *words, code=2)
        assert "more than 2 images of 1 of 3 prompts" in capsys.readouterr().err
    score(place, "--detector", "shapes", "--partial", n=3)
    command(place, "summary", place / "results.jsonl", "--partial", code=2)
    assert "more than 2 images of 1 of 3 prompts" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--threshold", "nan"], ["--threshold", "-0.1"], ["--counting-threshold", "90"], ["--max-overlap", "1.5"],
        ["--max-overlap", "inf"], ["--position-threshold", "-1"], ["--max-objects", "0"], ["--max-objects", "-1"],
    ],
)  # fmt: skip
def test_settings_under_which_something_else_would_count_are_refused(place, words, capsys):
    score(place, "--detector", "shapes", *words, code=2)
    assert f"{words[0][2:].replace('-', '_')} must be a" in capsys.readouterr().err
    assert not (place / "results.jsonl").exists()


@pytest.mark.parametrize("words", [["--batch", "0"], ["--batch", "-1"], ["--images-per-prompt", "0"]])
def test_numbers_of_images_begin_at_one(place, words, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["score", str(place / "images"), "--out", str(place / "x.jsonl"), "--detector", "shapes", *words])
    assert caught.value.code == 2 and "must be a whole number from 1" in capsys.readouterr().err
