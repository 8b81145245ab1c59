"""Prices of a sweep's rows, as `sweep FILE --price` writes them, and the budget that is made with them."""

import json

import pandas as pd
import pytest
import yaml

from fpd_bench import report, sweep
from fpd_bench.config.sweeps.budget import price_file
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.costs.pricing import price_rows
from fpd_bench.costs.step import step_cost
from tests.store.synthetic_runs import write_run

SWEEP = """\
name: demo
seeds: [0]
profiles:
  embedded: [optim.steps=40, optim.batch=8, optim.samples_per_condition=4]
  large: [optim.steps=40, optim.batch=16, optim.samples_per_condition=4]
tables:
  - id: a
    grid: [["method=dimo,fpd"], ["method=redi", "plugin.redi.pairs=32", "plugin.redi.until=redi2"]]
    rows:
      - {id: dimo, label: DiMO, where: {method: dimo}}
      - {id: fpd, label: FPD, where: {method: fpd}}
      - {id: redi, label: ReDi, where: {method: redi}, in_budget: [plugin.redi.pairs=16]}
    budget_of: dimo
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "demo.yaml"
    path.write_text(SWEEP)
    return path


def test_a_price_is_a_step_and_what_is_done_once(file, tmp_path):
    found = dict(price_rows(load_sweep(file), tmp_path))
    costs = {cell.row_id: step_cost(cell.config, None).total for cell in load_sweep(file).cells}
    assert found["dimo"].flops == pytest.approx(costs["dimo"]) and found["dimo"].flops_once < 1e-6 * costs["dimo"]
    assert found["redi"].flops_once > found["redi"].flops  # 2 stages x 16 pairs x 16 steps x 2
    assert 2 * found["redi"].flops_once + 40 * found["redi"].flops == pytest.approx(40 * costs["redi"])  # 32 pairs
    assert all(price.seconds is None for price in found.values())


def test_prices_are_written_beside_the_sweep_and_rows_then_cost_the_same(file, tmp_path):
    asked = [str(file), "--price", "--results", str(tmp_path / "results")]
    assert sweep.main(asked) == 0
    assert yaml.safe_load(price_file(file).read_text())["embedded"][0]["row"] == "dimo"
    assert sweep.main([*asked, "profile=large"]) == 0
    assert [*yaml.safe_load(price_file(file).read_text())] == ["embedded", "large"]
    equal = load_sweep(file, ["budget=flops"])
    total = {cell.row_id: cell.config.optim.steps * step_cost(cell.config, None).total for cell in equal.cells}
    assert total["fpd"] == pytest.approx(total["dimo"], rel=0.02)
    assert total["redi"] == pytest.approx(total["dimo"], rel=0.02)


def test_the_report_shows_what_each_training_cost(file, tmp_path, capsys):
    assert sweep.main([str(file), "--price", "--results", str(tmp_path)]) == 0
    for cell in load_sweep(file).cells:
        folder = write_run(tmp_path, cell.run_id, cell.config, steps=cell.config.optim.steps)
        log = [{"step": step, "seconds/step": 9.0 if step == 1 else 0.02, "memory_gb": 1 + step} for step in (1, 2, 3)]
        (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in log))
    assert report.main([str(file), "--results", str(tmp_path), "--out", str(tmp_path / "out"), "--no-figures"]) == 0
    prices = dict(price_rows(load_sweep(file), tmp_path))
    shown = pd.read_csv(tmp_path / "out" / "demo-a.csv").set_index("row")
    for row in ("dimo", "fpd"):
        assert shown.training_flops[row] == pytest.approx(prices[row].flops, rel=1e-4)
        assert shown.training_parameters[row] == prices[row].parameters
        assert shown.training_seconds[row] == 0.02 and shown.training_memory_gb[row] == 4  # the first step is one of 3
    assert shown.training_parameters["dimo"] > 1.5 * shown.training_parameters["fpd"]  # an auxiliary network
    assert shown.training_flops["redi"] > 2 * prices["redi"].flops  # its 32 pairs, though a budget gives it 16
    assert "## Training cost" in (tmp_path / "out" / "demo-a.md").read_text()


def test_seconds_are_of_runs_with_the_prices_settings_and_pairs_are_told_from_steps(file, tmp_path):
    assert sweep.main([str(file), "--price", "--results", str(tmp_path)]) == 0
    plain, equal = load_sweep(file), load_sweep(file, ["budget=flops"])
    for one in (plain, equal):
        for cell in one.cells:
            folder = write_run(tmp_path, cell.run_id, cell.config, steps=cell.config.optim.steps)
            semantic = {"method": cell.config.method, "track.name": "shapes", "track.preset": "scattered"}
            identity = {"run_id": cell.run_id, "semantic": semantic | {"optim.steps": cell.config.optim.steps}}
            (folder / "run.json").write_text(json.dumps(identity))
            log = [{"step": step, "seconds/step": 5.0 if step == 2 else 0.02} for step in range(1, 10)]
            (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in log))
    found = dict(price_rows(plain, tmp_path))  # a synthetic run trains for 10.5 s
    steps = {cell.row_id: cell.config.optim.steps for cell in equal.cells}
    assert found["dimo"].seconds == pytest.approx(10.5 / 40) and found["dimo"].seconds_once == 0
    assert found["redi"].seconds == pytest.approx(0.02)
    assert found["redi"].seconds_once == pytest.approx(10.5 - 0.02 * steps["redi"])
    assert sweep.main([str(file), "--price", "--results", str(tmp_path)]) == 0
    budget = {cell.row_id: cell.config.optim.steps for cell in load_sweep(file, ["budget=seconds"]).cells}
    assert budget["dimo"] == 40 and budget["redi"] == round(found["redi"].steps_for("seconds", 10.5))
