"""Tags and notes as they lie in a run's folder."""

import json

import pytest

from fpd_bench.errors import ConfigError
from fpd_bench.records import layout
from fpd_bench.runs.folder import notes
from fpd_bench.runs.folder.rundir import RunDir


@pytest.fixture
def run(tmp_path):
    run = RunDir(tmp_path / layout.RUNS / "0123456789ab")
    run.path.mkdir(parents=True)
    return run


def test_tags_are_added_and_taken_away_and_the_note_stays(run):
    assert notes.change(run, ["b", "a", "a"], [], "good") == notes.Notes(("a", "b"), "good")
    assert notes.change(run, ["c"], ["a"], None) == notes.Notes(("b", "c"), "good")
    assert notes.read(run) == notes.Notes(("b", "c"), "good")


@pytest.mark.parametrize("text", ["7", "[", '{"tags": "a", "note": 7}', '{"tags": [7, "a b", null]}'])
def test_a_file_of_others_says_nothing(run, text):
    (run.path / layout.NOTES).write_text(text)
    assert notes.read(run) == notes.Notes()


def test_a_tag_beside_others_that_are_none_counts(run):
    (run.path / layout.NOTES).write_text(json.dumps({"tags": ["b", 7, "a b", "a", "b"], "note": "x"}))
    assert notes.read(run) == notes.Notes(("a", "b"), "x")


@pytest.mark.parametrize(("tags", "note"), [(["a b"], None), (["x" * 61], None), ([], "n" * 2001)])
def test_what_cannot_be_kept_is_refused_and_nothing_is_written(run, tags, note):
    with pytest.raises(ConfigError):
        notes.change(run, tags, [], note)
    assert not (run.path / layout.NOTES).exists()
