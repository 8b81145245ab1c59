"""What may lie in a run's folder, and what of it counts."""

import pytest

from fpd_bench.errors import OddFile
from fpd_bench.records import layout


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../other/eval/test.jsonl", "eval/../../x"])
def test_done_vouches_for_files_inside_its_run_only(name):
    good = {"eval/test.jsonl": "0" * 64}
    assert layout.vouched_files({"files": good}) == good
    assert layout.vouched_files({"files": good | {name: "0" * 64}}) is None


@pytest.mark.parametrize("files", [None, [], "eval", {"eval/test.jsonl": 7}])
def test_done_in_another_form_vouches_for_nothing(files):
    assert layout.vouched_files({"files": files}) is None


def test_attempts_are_numbered_by_plain_digits_and_no_others_count(tmp_path):
    (tmp_path / layout.ATTEMPTS).mkdir()
    for name in ("10", "2", "x", "٣", "²", "123456789", "-1"):
        (tmp_path / layout.ATTEMPTS / f"{name}.json").write_text("{}")
    assert layout.attempt_numbers(tmp_path) == [2, 10]


@pytest.mark.parametrize(
    ("name", "said"),
    [("events.jsonl", "events.jsonl is not a file"), ("eval/test.jsonl", "eval/test.jsonl is not a file")],
)
def test_a_directory_in_the_place_of_a_file_is_named(tmp_path, name, said):
    (tmp_path / name).mkdir(parents=True)
    with pytest.raises(OddFile, match=f"^{said}$"):
        layout.refuse_odd(tmp_path)


def test_a_file_in_the_place_of_a_folder_is_named_and_other_names_are_nobodys_business(tmp_path):
    (tmp_path / "notes of mine").mkdir()
    (tmp_path / "eval").mkdir()
    (tmp_path / "eval" / ".test.jsonl").mkdir()  # half-written by somebody, or hidden: not ours to judge
    layout.refuse_odd(tmp_path)
    (tmp_path / "samples").write_text("")
    with pytest.raises(OddFile, match=r"^samples is not a directory$"):
        layout.refuse_odd(tmp_path)


@pytest.mark.parametrize("text", ["7", "[]", "not JSON"])
def test_an_identity_that_says_nothing_is_empty(tmp_path, text):
    (tmp_path / layout.IDENTITY).write_text(text)
    assert layout.read_identity(tmp_path) == {"semantic": {}}


def test_an_identity_keeps_what_it_says_though_its_meaning_is_odd(tmp_path):
    (tmp_path / layout.IDENTITY).write_text('{"run_id": "a", "semantic": [1]}')
    assert layout.read_identity(tmp_path) == {"run_id": "a", "semantic": {}}
