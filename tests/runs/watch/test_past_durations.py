"""What a plan expects runs to take: by the step, from finished runs alike, and unknown where there are none."""

import json

import pytest

from fpd_bench.config.compose import compose
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.watch.past_durations import estimate_text, expected_time


@pytest.fixture
def finish(tiny, tmp_path):
    """A finished run of so many steps and seconds."""

    def make(seed, training, other, attempt=1, status="done"):
        run = RunDir.create(tmp_path, compose([*tiny.BASE, f"seed={seed}"]))
        for n in range(1, attempt + 1):
            (run.path / "attempts").mkdir(exist_ok=True)
            (run.path / "attempts" / f"{n}.json").write_text("{}")
        for stage, seconds in (("train", training), ("sample", other)):
            run.append_event(run.next_event("stage_finished") | {"stage": stage, "seconds": seconds})
        (run.path / "DONE").write_text(json.dumps({"run_id": run.run_id, "status": status, "files": {}}))

    return make


def test_seconds_follow_the_steps_of_runs_alike(finish, tiny, tmp_path):
    finish(0, 30, 4)
    finish(1, 60, 8)
    finish(2, 9999, 1, attempt=2)  # only its last attempt is timed
    finish(3, 9999, 1, status="diverged")
    alike = compose([*tiny.BASE, "seed=9", "optim.steps=300"])
    other = compose([*tiny.BASE, "seed=9", "method=dimo"])
    expected = expected_time([alike, other], tmp_path)
    assert (expected.seconds, expected.runs, expected.seen, expected.unknown) == (1.5 * 300 + 6, 1, 2, 1)
    assert estimate_text(expected, 8, "GPU-hours") == (
        "Estimated cost: 1.0 GPU-hours for 1 runs, from 2 finished runs of the same kind; "
        "nothing is known yet about 1 runs of other kinds."
    )


def test_without_such_runs_the_cost_is_unknown(tiny, tmp_path):
    assert "unknown" in estimate_text(expected_time([compose(tiny.BASE)], tmp_path / "nothing"), 1, "core-hours")
