"""FID and its kin in a report: over seeds, lower is better, under one protocol or not compared; published-only rows."""

import json

import pandas as pd
import pytest

from fpd_bench import report
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.reporting.results import table_result
from fpd_bench.store.ingest import ingest
from fpd_bench.store.query import Store
from tests.store.synthetic_runs import finish, write_lines, write_run

SWEEP = """
name: table2
metric: fid
seeds: [0, 1, 2]
profiles: {embedded: [evaluation.fidelity=lite0], paper: [evaluation.fidelity=lite0, optim.steps=77]}
tables:
  - id: a
    caption: FID
    grid: ["estimator=soft,ste", "gan.weight=0,0.1"]
    rows:
      - {id: soft, label: Soft, where: {estimator: soft, gan.weight: 0}, published: {fid: 9.5, is: 200}}
      - {id: ste, label: STE, where: {estimator: ste, gan.weight: 0}, published: {fid: 7}, shown: {Steps: 1}}
      - {id: gan, label: STE + GAN, where: {estimator: ste, gan.weight: 0.1}}
      - {id: other, label: Soft + GAN, where: {estimator: soft, gan.weight: 0.1}}
      - {id: sdtt, label: SDTT, published: {fid: 8.97, precision: 0.88}}
      - {id: here, label: Only on paper, where: {paper: {estimator: soft}, embedded: null}, published: 5}
      - {id: nowhere, label: Nowhere, where: {paper: {estimator: soft}, embedded: null}}
    baseline: ste
    claims:
      - {better: ste, worse: soft, text: STE beats soft}
      - {better: soft, worse: gan, text: The GAN hurts}
      - {better: ste, worse: other, text: Another protocol}
      - {better: ste, worse: sdtt, text: Published only}
"""
FID = {"soft": (9.0, 9.2, 9.1), "ste": (7.0, 7.1, 7.3), "gan": (6.0, 6.2, 6.2), "other": (1.0, 1.1, 1.2)}
PROTOCOL = {"preset": "adm", "evaluator": "torch-fidelity 0.4.0", "images": 50000, "reference": "r.npz"}


@pytest.fixture
def project(tmp_path):
    """All runs done; those of row `other` were measured with fewer images."""
    path = tmp_path / "table2.yaml"
    path.write_text(SWEEP)
    for cell in load_sweep(path).cells:
        n = 5000 if cell.row_id == "other" else 50000
        write_fid(tmp_path / "results", cell, FID[cell.row_id][cell.seed], PROTOCOL | {"images": n})
    return path, tmp_path / "results"


def write_fid(results, cell, value, protocol):
    folder = write_run(results, cell.run_id, cell.config, per_task=1, size=8, steps=5)
    numbers = {"fid": value, "is": value, "fid_sampling_sd": 0.04}
    rows = [
        {"metric": name, "value": one, "n": protocol["images"], "protocol": protocol} for name, one in numbers.items()
    ]
    write_lines(folder / "eval" / "test.jsonl", rows)
    finish(folder)


def result(project):
    path, results = project
    ingest(results)
    sweep = load_sweep(path)
    with Store(results) as store:
        return table_result(sweep, sweep.tables[0], store)


def test_lower_is_better_and_other_protocols_are_never_ranked(project):
    table = result(project)
    assert [claim.verdict for claim in table.claims] == ["reproduced", "contradicted", "not tested", "not tested"]
    assert {row.id: row.best for row in table.rows} == {
        "soft": False, "ste": False, "gan": True, "other": False, "sdtt": False, "here": False,
    }  # fmt: skip
    ste = table.row("ste")
    assert ste.score.value == pytest.approx(7.1333, abs=1e-4)
    assert ste.score.low == pytest.approx(6.754, abs=1e-3)  # Student with 2 degrees of freedom
    assert (ste.images, ste.spread) == (150000, pytest.approx(0.1528, abs=1e-4))
    assert table.row("other").delta is None and table.row("soft").delta.difference.value == pytest.approx(
        1.9667, abs=1e-3
    )
    assert any("cannot be compared, because the protocols differ" in note for note in table.notes)
    assert "Rows with different protocols are not ranked together." in table.notes
    assert table.teacher is None and ste.kept is None
    assert table.floor.sampling_sd == pytest.approx(0.04) and table.floor.seed_sd > 0.05


def test_rows_without_runs_stand_beside_the_others(project, tmp_path):
    table = result(project)
    assert {row.id: row.state for row in table.rows if not row.seeds} == {
        "sdtt": "published only",
        "here": "published only",
    }
    assert table.done == (12, 12)
    path, results = project
    assert report.main([str(path), "--results", str(results), "--out", str(tmp_path / "out"), "--no-figures"]) == 0
    text = (tmp_path / "out/table2a.md").read_text()
    assert "FID ↓" in text and "| SDTT" in text and "published only" in text and "| Steps" in text
    assert (
        "Nowhere" not in text and "torch-fidelity 0.4.0" in text and "## All metrics" in text and "## Published" in text
    )
    frame = pd.read_csv(tmp_path / "out/table2a.csv").set_index("row")
    assert frame.protocol.nunique() == 2 and frame.published_is["soft"] == 200
    assert r"FID {\textdownarrow}" in (tmp_path / "out/table2a.tex").read_text()


def test_seeds_under_two_protocols_have_no_mean(project):
    path, results = project
    cell = next(cell for cell in load_sweep(path).cells if (cell.row_id, cell.seed) == ("ste", 1))
    write_fid(results, cell, 7.0, PROTOCOL | {"reference_sha256": "ab"})
    row = result(project).row("ste")
    assert (row.state, row.score) == ("several protocols", None)


def test_the_name_of_the_reference_makes_no_protocol(project):
    path, results = project
    cell = next(cell for cell in load_sweep(path).cells if (cell.row_id, cell.seed) == ("ste", 1))
    write_fid(results, cell, 7.1, PROTOCOL | {"reference": "renamed.npz"})
    assert result(project).row("ste").score.value == pytest.approx(7.1333, abs=1e-4)


def test_one_seed_has_no_interval_and_a_missing_one_no_mean(project):
    path, _ = project
    path.write_text(SWEEP.replace("seeds: [0, 1, 2]", "seeds: [0]"))
    table = result(project)
    assert table.row("ste").score.low == float("-inf") and table.claims[0].verdict == "not tested"
    assert any("two or more seeds" in note for note in table.notes)
    path.write_text(SWEEP.replace("seeds: [0, 1, 2]", "seeds: [0, 7]"))
    assert result(project).row("ste").state == "missing (1 of 2)"


def test_a_line_that_is_no_number_makes_the_run_corrupt(project):
    path, results = project
    cell = load_sweep(path).cells[0]
    folder = results / "runs" / cell.run_id
    (folder / "eval/test.jsonl").write_text(json.dumps({"metric": "fid", "value": None, "n": 1, "protocol": {}}) + "\n")
    finish(folder)
    assert "corrupt" in result(project).row(cell.row_id).state
