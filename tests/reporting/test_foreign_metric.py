"""A metric that a separate package announces: planned, measured, indexed and printed with its digits and direction."""

import json
import re

import pandas as pd
import pytest

from fpd_bench import report
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.store.ingest import ingest
from fpd_bench.store.query import Store
from tests.store.synthetic_runs import finish, write_lines, write_run

SWEEP = """\
name: dusk
metric: glare
seeds: [SEEDS]
profiles: {embedded: [BASE]}
tables:
  - id: a
    grid: ["estimator=soft,ste"]
    rows:
      - {id: soft, label: Soft, where: {estimator: soft}, published: {glare: 100, fid: 9}}
      - {id: ste, label: STE, where: {estimator: ste}, published: 90}
    baseline: soft
    claims: [{better: ste, worse: soft, text: STE glares less}]
"""


@pytest.fixture
def written(tiny, tmp_path):
    def write(seeds):
        base = ", ".join(f'"{text}"' for text in ["track.name=dusk", *tiny.BASE[1:], "optim.steps=2"])
        path = tmp_path / "dusk.yaml"
        path.write_text(SWEEP.replace("SEEDS", seeds).replace("BASE", base))
        return path

    return write


def test_it_is_reported_with_its_digits_and_less_is_better(written, tmp_path):
    path, results = written("0, 1, 2, 3, 4"), tmp_path / "results"
    for cell in load_sweep(path).cells:
        folder = write_run(results, cell.run_id, cell.config, per_task=1, size=8, steps=5)
        value = {"soft": 100.06, "ste": 90.04}[cell.row_id] + cell.seed % 2
        row = {"metric": "glare", "value": value, "n": 24, "protocol": {"formula": "mean"}}
        write_lines(folder / "eval" / "test.jsonl", [row])
        finish(folder)
    assert report.main([str(path), "--results", str(results), "--out", str(tmp_path / "out"), "--no-figures"]) == 0
    text = (tmp_path / "out/dusk-a.md").read_text()
    assert re.search(r"\| \*\*90\.4 \[\d\d\.\d, \d\d\.\d\]\*\*", text) and "Glare ↓" in text
    assert "100.5 [" in text and "| reproduced" in text and "formula mean. Rows: Soft, STE" in text
    frame = pd.read_csv(tmp_path / "out/dusk-a.csv").set_index("row")
    assert frame.glare["ste"] == pytest.approx(90.44) and frame.published_fid["soft"] == 9


@pytest.mark.slow
def test_a_sweep_measures_it_from_end_to_end(tiny, written, tmp_path):
    path, results = written("0"), tmp_path / "results"
    code, out, err = tiny.call("sweep", path, "executor=inline", "estimator=ste", "--results", results)
    assert code == 0, err
    ingest(results)
    with Store(results) as store:
        found = store.frame("metrics", metric="glare")
    (value,) = found.value
    assert 0 < value < 255 and found.n.tolist() == [8]
    assert re.search(rf"STE +{value:.1f} +90\.00  1\n", out) and "glare" in out.splitlines()[0]
    (run_id,) = found.run_id
    lines = (results / "runs" / run_id / "eval/test.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["protocol"] == {"formula": "mean of 0 to 255"}
