"""The image folder and results.jsonl: what is written can be read, what is missing is named."""

import json

import numpy as np
import pytest
from PIL import Image

from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.evals.geneval import results_file
from fpd_bench.evals.geneval.folder import read_folder, write_prompt
from fpd_bench.evals.geneval.prompt_grammar import colors, counting, single_object, to_jsonl
from fpd_bench.evals.geneval.prompt_rows import read_rows

ROWS = [single_object("circle"), counting("star", 3), colors("bar", "orange")]


def images(n=2):
    return np.random.default_rng(0).integers(0, 256, (n, 8, 8, 3), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path):
    for i, row in enumerate(ROWS):
        write_prompt(tmp_path / "images", i, row, images())
    return tmp_path / "images"


def test_written_folders_are_read_back(folder):
    pictures = read_folder(folder, ROWS, 2)
    assert [p.name for p in pictures][:3] == [
        "00000/samples/00000.png",
        "00000/samples/00001.png",
        "00001/samples/00000.png",
    ]
    assert [p.row for p in pictures] == [row for row in ROWS for _ in range(2)]
    assert (pictures[1].pixels() == images()[1]).all()


def test_what_the_original_ignores_is_ignored(folder):
    Image.fromarray(images()[0]).save(folder / "00000" / "grid.png")
    Image.fromarray(images()[0]).save(folder / "00000" / "samples" / "x0.png")
    (folder / "notes").mkdir()
    assert len(read_folder(folder, ROWS, 2)) == 6


def test_missing_images_and_prompts_are_named(folder):
    (folder / "00001" / "samples" / "00001.png").unlink()
    with pytest.raises(ConfigError, match="1 of 3 prompts do not have 2 images.*three stars' has 1.*--partial"):
        read_folder(folder, ROWS, 2)
    assert len(read_folder(folder, ROWS, 2, partial=True)) == 5
    with pytest.raises(ConfigError, match=r"1 of 4 prompts.*'a photo of a bar' has 0"):
        (folder / "00001" / "samples" / "00001.png").write_bytes(
            (folder / "00001" / "samples" / "00000.png").read_bytes()
        )
        read_folder(folder, [*ROWS, single_object("bar")], 2)


def test_foreign_and_repeated_prompts_are_errors_even_in_part(folder):
    with pytest.raises(ConfigError, match="1 prompts that the suite of 2 does not have.*--metadata"):
        read_folder(folder, ROWS[:2], 2, partial=True)
    write_prompt(folder, 7, ROWS[0], images())
    with pytest.raises(ConfigError, match="same prompt in two folders"):
        read_folder(folder, ROWS, 2, partial=True)


def test_unreadable_files_are_named(folder, tmp_path):
    path = folder / "00000" / "samples" / "00000.png"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(AssetError, match="00000.png"):
        read_folder(folder, ROWS, 2)[0].pixels()
    (folder / "00002" / "metadata.jsonl").write_text("{")
    with pytest.raises(AssetError, match="metadata.jsonl. is not JSON"):
        read_folder(folder, ROWS, 2)
    with pytest.raises(ConfigError, match="no folder"):
        read_folder(tmp_path / "nowhere", ROWS, 2)


def test_a_picture_is_turned_as_its_exif_says(folder):
    picture = read_folder(folder, ROWS, 2)[0]
    tag = Image.Exif()
    tag[0x0112] = 3  # upside down
    Image.fromarray(images()[0]).save(picture.path, exif=tag)
    assert (picture.pixels() == images()[0][::-1, ::-1]).all()


def test_metadata_files(tmp_path):
    (tmp_path / "suite.jsonl").write_text(to_jsonl(ROWS))
    assert read_rows(tmp_path / "suite.jsonl") == ROWS
    with pytest.raises(AssetError, match=r"nothing\.jsonl"):
        read_rows(tmp_path / "nothing.jsonl")


def line(name):
    return {
        "filename": name,
        "tag": "t",
        "prompt": "p",
        "correct": True,
        "reason": "",
        "metadata": "{}",
        "details": "{}",
    }


@pytest.mark.parametrize("torn", ['{"filename": "c', '{"filename": "c"}', "\x00\x00"])
def test_a_torn_last_line_is_dropped_and_overwritten(tmp_path, torn):
    path = tmp_path / "results.jsonl"
    results_file.write(path, [line("a"), line("b")])
    whole = path.read_text()
    path.write_text(whole + torn)
    assert [r["filename"] for r in results_file.read(path)] == ["a", "b"]
    handle = results_file.open_to_append(path)
    results_file.append(handle, line("c"))
    assert path.read_text().startswith(whole) and results_file.read(path, complete=True)[2:] == [line("c")]


def test_a_file_without_final_newline_is_whole(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text(json.dumps(line("a")))
    results_file.append(results_file.open_to_append(path), line("b"))
    assert [r["filename"] for r in results_file.read(path)] == ["a", "b"]


def test_a_broken_line_inside_is_an_error(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text("oops\n" + json.dumps(line("a")) + "\n")
    with pytest.raises(AssetError, match="Line 1"):
        results_file.read(path)
