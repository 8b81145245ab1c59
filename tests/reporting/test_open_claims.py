"""Seeds until decided: only the rows of open claims get more seeds, and a replay of the same runs asks for the same."""

import pytest

from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.costs import runs_of_looks
from fpd_bench.reporting.open_claims import asked_for
from fpd_bench.reporting.results import table_result
from fpd_bench.reporting.tables import markdown_text, text_frames
from fpd_bench.store.ingest import ingest
from fpd_bench.store.query import Store
from tests.store.synthetic_runs import write_run

SWEEP = """
name: looks
seeds: {looks: [3, 5, 8]}
tables:
  - id: a
    grid: ["estimator=soft,ste", "gan.weight=0,0.1"]
    rows:
      - {id: far, label: Far, where: {estimator: soft, gan.weight: 0}, published: 0.2}
      - {id: near, label: Near, where: {estimator: soft, gan.weight: 0.1}, published: 0.42}
      - {id: same, label: Same, where: {estimator: ste, gan.weight: 0}, published: 0.43}
      - {id: alone, label: Alone, where: {estimator: ste, gan.weight: 0.1}}
    baseline: same
    claims:
      - {better: near, worse: far}
      - {better: same, worse: near}
"""
SKILL = {"far": 0.2, "near": 0.5, "same": 0.502, "alone": 0.6}


@pytest.fixture
def sweep(tmp_path):
    path = tmp_path / "looks.yaml"
    path.write_text(SWEEP)
    return load_sweep(path)


@pytest.fixture
def wanted(sweep, tmp_path):
    """What is asked for by now, as {row: seeds}, after the runs so far have been ingested."""

    def ask():
        ingest(tmp_path / "results")
        with Store(tmp_path / "results") as store:
            cells = asked_for(sweep, store).cells
        return {row: sorted(cell.seed for cell in cells if cell.row_id == row) for row in SKILL}

    return ask


@pytest.fixture
def run(sweep, tmp_path):
    """Finish the runs of some rows and seeds."""

    def write(rows, seeds, end="done"):
        for cell in sweep.cells:
            if cell.row_id in rows and cell.seed in seeds:
                write_run(tmp_path / "results", cell.run_id, cell.config, skill=SKILL[cell.row_id], per_task=8, size=8,
                          steps=3, end=end)  # fmt: skip

    return write


def report(sweep, tmp_path):
    with Store(tmp_path / "results") as store:
        return table_result(sweep, sweep.tables[0], store)


def test_the_first_look_is_of_every_row_and_the_next_of_open_claims(sweep, wanted, run):
    every = {row: [0, 1, 2] for row in SKILL}
    assert asked_for(sweep, None).cells == [cell for cell in sweep.cells if cell.seed < 3]
    run(SKILL, range(2))
    assert wanted() == every  # the look is not complete: nothing is judged
    run(SKILL, [2])
    longer = every | {"near": [0, 1, 2, 3, 4], "same": [0, 1, 2, 3, 4]}
    assert wanted() == longer and wanted() == longer
    run(["near"], [3, 4])
    assert wanted() == longer  # one of the two rows is not there yet
    run(["same"], [3, 4])
    assert wanted() == longer | {"near": list(range(8)), "same": list(range(8))}
    run(["near", "same"], range(5, 8))
    assert wanted() == longer | {"near": list(range(8)), "same": list(range(8))}


def test_the_report_says_when_a_claim_was_decided(sweep, wanted, run, tmp_path):
    run(SKILL, range(3))
    wanted()
    table = report(sweep, tmp_path)
    assert [claim.verdict for claim in table.claims] == ["reproduced", "undecided"]
    assert [claim.decided_at for claim in table.claims] == [3, None]
    assert table.unfinished == 4 and len(table.row("near").seeds) == 3  # rows stay at the complete look
    run(["near", "same"], range(3, 8))
    wanted()
    table = report(sweep, tmp_path)
    assert [len(row.seeds) for row in table.rows] == [3, 8, 8, 3] and table.unfinished == 0
    assert table.claims[0].decided_at == 3 and table.claims[0].verdict == "reproduced"
    text = markdown_text.to_markdown(table, text_frames.frames(table))
    assert "reproduced at 3 of 8 seeds" in text and "after 3, 5, 8 seeds" in text
    assert table.row("far").delta.looks == (3, 5, 8)  # 3 seeds in common with the baseline's 8


def test_runs_beyond_what_is_asked_for_change_nothing(sweep, wanted, run, tmp_path):
    run(SKILL, range(3))
    run(["far", "alone"], range(3, 8))
    assert wanted()["far"] == [0, 1, 2]
    assert [len(row.seeds) for row in report(sweep, tmp_path).rows] == [3, 3, 3, 3]


def test_a_diverged_row_asks_for_no_more_seeds(wanted, run):
    run(SKILL, range(3))
    run(["same"], [1], end="diverged")
    assert wanted()["near"] == [0, 1, 2]


def test_a_failed_run_is_asked_for_again(wanted, run):
    run(SKILL, range(3))
    run(["same"], [1], end="failed")
    assert wanted()["near"] == [0, 1, 2] and wanted()["same"] == [0, 1, 2]


def test_the_plan_counts_runs_at_least_at_most_and_by_expectation(sweep):
    count = runs_of_looks.count(sweep)
    assert (count.least, count.most) == (12, 27) and 12 < count.expected < 27
    assert "12 runs if the first decides every claim, 27 if none does" in count.sentence(sweep)
