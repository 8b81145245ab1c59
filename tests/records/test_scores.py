"""`overall` is one number whoever asks for it: the index, the line at a sweep's end, GenEval's summary, the report."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpd_bench.evals.geneval.summary import summarise
from fpd_bench.evals.statistics import Scores
from fpd_bench.records.scores import overall, protocol_id, task_means
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.watch.row_scores import run_score
from fpd_bench.store.index_rows import metric_rows

SCORED = st.lists(st.tuples(st.sampled_from(["colors", "counting", "position"]), st.booleans()), min_size=1)


def test_every_task_weighs_the_same_however_many_images_it_has():
    scored = [("colors", 1.0), ("counting", 0.0), ("counting", 1.0), ("counting", 0.0), ("counting", 0.0)]
    assert task_means(scored) == {"colors": 1.0, "counting": 0.25}
    assert overall(task_means(scored).values()) == 0.625


@given(SCORED)
def test_everybody_gives_the_same_overall(scored):
    rows = [{"task": task, "score": float(right)} for task, right in scored]
    (indexed,) = [row["value"] for row in metric_rows("test", rows) if row["metric"] == "overall"]
    lines = [{"tag": task, "correct": right, "metadata": str(n)} for n, (task, right) in enumerate(scored)]
    keys = {(str(n), 0): float(right) for n, (_, right) in enumerate(scored)}
    reported = Scores.collect({0: keys}, {str(n): task for n, (task, _) in enumerate(scored)})
    assert summarise(lines).overall == indexed == overall(task_means(scored_floats(scored)).values())
    assert float(reported.per_seed[0]) == pytest.approx(indexed, abs=1e-12)


def scored_floats(scored):
    return [(task, float(right)) for task, right in scored]


def test_the_line_at_the_end_of_a_sweep_has_it_from_the_runs_files(tmp_path):
    (tmp_path / "eval").mkdir()
    rows = [{"item": str(n), "task": "colors" if n < 1 else "counting", "score": float(n < 2)} for n in range(5)]
    (tmp_path / "eval/test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = RunDir(tmp_path)
    assert (run_score(run, "overall"), run_score(run, "counting"), run_score(run, "fid")) == (0.625, 0.25, None)


def test_a_protocol_is_named_by_all_but_the_references_file_name():
    protocol = {"preset": "adm", "images": 50000, "reference": "a.npz", "reference_sha256": "ab"}
    assert protocol_id(protocol) == protocol_id(protocol | {"reference": "b.npz"})
    assert protocol_id(protocol) == protocol_id(dict(reversed(protocol.items())))
    assert len({protocol_id(protocol | change) for change in ({}, {"images": 5}, {"reference_sha256": "cd"})}) == 3
