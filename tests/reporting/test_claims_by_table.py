"""A claim that several tables of a sweep ask, one table for each world: its verdicts stand side by side."""

import csv

from fpd_bench import report
from fpd_bench.config.sweeps.spec import load_sweep
from tests.store.synthetic_runs import write_run

SWEEP = """
name: worlds
title: "Worlds & claims"
metric: overall
seeds: [0, 1, 2]
tables:
"""
TABLE = """
  - id: {world}
    caption: "World {world}"
    grid: ["track.preset={world}", "estimator=soft,ste"]
    rows:
      - {{id: soft, label: Soft, where: {{estimator: soft}}, published: 0.38}}
      - {{id: ste, label: STE, where: {{estimator: ste}}, published: 0.43}}
    claims:
      - {{better: ste, worse: soft, text: "STE beats soft"}}
      - {{better: ste, worse: soft, text: "Only asked of {world}"}}
"""
SKILL = {"plain": {"soft": 0.7, "ste": 0.3}, "scattered": {"soft": 0.3, "ste": 0.7}}


def written(folder, worlds):
    path = folder / "worlds.yaml"
    path.write_text(SWEEP + "".join(TABLE.format(world=world) for world in worlds))
    for cell in load_sweep(path, []).cells:
        skill = SKILL[cell.config.track.preset][cell.row_id]
        write_run(folder / "results", cell.run_id, cell.config, skill=skill, per_task=15, size=8, steps=20)
    out = folder / "out"
    assert report.main([str(path), "--results", str(folder / "results"), "--out", str(out), "--no-figures"]) == 0
    return out


def test_a_claim_of_two_tables_has_a_line_with_a_verdict_for_each(tmp_path):
    out = written(tmp_path, ["plain", "scattered"])
    (line,) = csv.DictReader((out / "worlds-claims-by-table.csv").open())
    assert line["Claim"] == "STE beats soft" and line["Published Δ"] == "+0.05"
    assert line["World plain"].startswith("contradicted -0.") and line["World scattered"].startswith("reproduced +0.")
    assert "STE beats soft" in (out / "worlds-claims-by-table.md").read_text()
    assert r"Worlds \& claims" in (out / "worlds-claims-by-table.tex").read_text()
    assert 'id="worlds-claims-by-table"' in (out / "index.html").read_text()
    assert "(worlds-claims-by-table.md)" in (out / "index.md").read_text()


def test_claims_that_no_two_tables_share_get_no_page_of_their_own(tmp_path):
    out = written(tmp_path, ["plain"])
    assert not list(out.glob("*claims-by-table*")) and "claims-by-table" not in (out / "index.html").read_text()
