"""A run's state has one list of names, and the index and the live view give the same one for the same files."""

import pytest

from fpd_bench.records.run_status import ALIVE, RESULTS, STATES, TROUBLE, has_result
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.watch.state import state_of
from fpd_bench.store.reader import read
from tests.store.synthetic_runs import write_run


def test_no_state_means_two_things():
    groups = [*ALIVE, *TROUBLE, *RESULTS]
    assert len(set(groups)) == len(groups) and set(groups) < set(STATES) and len(set(STATES)) == len(STATES)
    assert [state for state in STATES if has_result(state)] == list(RESULTS)


@pytest.mark.parametrize("end", ["planned", "interrupted", "failed", "diverged", "done"])
def test_the_index_and_the_live_view_agree_on_where_a_run_stands(tmp_path, end):
    folder = write_run(tmp_path, "a" * 12, end=end, per_task=1, size=8, steps=2)
    state = state_of(RunDir(folder))
    assert state.state == read(folder).run["status"] == end and end in STATES
    assert state.has_result == (end in RESULTS)


def test_a_damaged_run_is_corrupt_for_both(tmp_path):
    folder = write_run(tmp_path, "a" * 12, per_task=1, size=8, steps=2)
    (folder / "eval/test.jsonl").write_text("")
    assert state_of(RunDir(folder)).state == read(folder).run["status"] == "corrupt"
