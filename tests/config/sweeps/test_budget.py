"""Budgets of equal training cost: the steps that they give, and one clear line for each way to have none."""

import pytest
import yaml

from fpd_bench.config.sweeps.budget import price_file, price_key, trained_in_budget
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.errors import ConfigError, UnknownName

SWEEP = """\
name: demo
seeds: [0, 1]
profiles: {embedded: [optim.steps=300]}
tables:
  - id: a
    grid: [["method=fpd,dimo"], ["method=redi"], ["method=teacher"]]
    rows:
      - {id: fpd, label: FPD, where: {method: fpd}}
      - {id: dimo, label: DiMO, where: {method: dimo}}
      - {id: redi, label: ReDi, where: {method: redi}}
    budget_of: fpd
"""
CHEAPER = ', in_budget: {embedded: ["plugin.redi.pairs=500"]}}'
PRICES = {"fpd": (20.0, 0.0, 0.5), "dimo": (30.0, 0.0, 0.25), "redi": (10.0, 1000.0, None)}


@pytest.fixture
def file(tmp_path):
    def write(text=SWEEP, prices=PRICES):
        path = tmp_path / "demo.yaml"
        path.write_text(text)
        rows = []
        for cell in trained_in_budget(load_sweep(path, ["seeds=[0]"]).tables[0]):
            if cell.row_id in prices:
                flops, once, seconds = prices[cell.row_id]
                row = {"row": cell.row_id, "settings": price_key(cell.config), "flops": flops, "flops_once": once}
                rows.append(row | ({"seconds": seconds} if seconds else {}))
        price_file(path).parent.mkdir()
        price_file(path).write_text(yaml.safe_dump({"embedded": rows}))
        return path

    return write


def steps(sweep):
    return {cell.row_id: cell.config.optim.steps for cell in sweep.cells if cell.row_id in PRICES}


def test_flops_are_shared_out_after_what_is_done_once(file):
    path = file()
    assert steps(load_sweep(path)) == steps(load_sweep(path, ["budget=steps"])) == dict.fromkeys(PRICES, 300)
    assert steps(load_sweep(path, ["budget=flops"])) == {"fpd": 300, "dimo": 200, "redi": 500}
    assert steps(load_sweep(path, ["budget=flops", "optim.steps=600"])) == {"fpd": 600, "dimo": 400, "redi": 1100}


def test_a_budgets_runs_have_ids_of_their_own_for_each_seed_but_the_references_keep_theirs(file):
    path = file()
    equal, plain = load_sweep(path, ["budget=flops"]), load_sweep(path)
    assert equal.name == "demo-flops" and len(equal.runs()) == len(plain.runs())
    shared = set(equal.runs()) & set(plain.runs())
    assert {equal.runs()[one].method for one in shared} == {"fpd", "teacher"}
    assert load_sweep(path, ["budget=flops"]).runs() == equal.runs()


def test_seconds_need_a_measured_run_of_every_row(file):
    path = file()
    with pytest.raises(ConfigError, match=r"no finished run of row 'redi' was there .* Then run: .* --price"):
        load_sweep(path, ["budget=seconds"])
    path.write_text(SWEEP.replace('["method=redi"], ', "").replace(SWEEP.splitlines()[9] + "\n", ""))
    assert steps(load_sweep(path, ["budget=seconds"])) == {"fpd": 300, "dimo": 600}


def test_seconds_are_shared_out_after_what_is_done_once(file):
    path = file()
    prices = yaml.safe_load(price_file(path).read_text())
    prices["embedded"][2] |= {"seconds": 0.25, "seconds_once": 50.0}
    price_file(path).write_text(yaml.safe_dump(prices))
    assert steps(load_sweep(path, ["budget=seconds"])) == {"fpd": 300, "dimo": 600, "redi": 400}


def test_a_price_holds_for_any_learning_rate_and_length(file):
    path = file()
    found = load_sweep(path, ["budget=flops", "optim.lr=2e-4"])
    assert steps(found) == {"fpd": 300, "dimo": 200, "redi": 500}
    assert {cell.config.optim.lr for cell in found.cells if cell.row_id in PRICES} == {2e-4}


def test_a_row_may_do_less_once_under_a_budget_and_only_there(file):
    text = SWEEP.replace("where: {method: redi}}", "where: {method: redi}" + CHEAPER)
    path = file(text, PRICES | {"redi": (10.0, 250.0, None)})
    pairs = {
        budget: [cell.config.plugin.get("redi") for cell in load_sweep(path, [budget]).cells if cell.row_id == "redi"]
        for budget in ("budget=steps", "budget=flops")
    }
    assert pairs["budget=steps"] == [None, None] and [one.pairs for one in pairs["budget=flops"]] == [500, 500]
    assert steps(load_sweep(path, ["budget=flops"]))["redi"] == 575
    plain = path.with_name("plain.yaml")
    plain.write_text(SWEEP)
    assert load_sweep(path).runs() == load_sweep(plain).runs()


def test_the_command_line_sets_a_methods_own_field_in_that_methods_rows(file):
    found = load_sweep(file(), ["plugin.redi.pairs=300"])
    assert {cell.row_id: [*cell.config.plugin] for cell in found.cells if cell.row_id in PRICES} == {
        "fpd": [],
        "dimo": [],
        "redi": ["redi"],
    }
    with pytest.raises(ConfigError, match=r"No run of .* reads 'plugin.sdtt.pairs'"):
        load_sweep(found.path, ["plugin.sdtt.pairs=300"])


@pytest.mark.parametrize(
    ("old", "new", "words", "error", "message"),
    [
        ("", "", ["budget=flop"], UnknownName, "Unknown budget 'flop'. Did you mean 'flops'"),
        ("", "", ["budget=flops,steps"], ConfigError, "budget has several values"),
        ("    budget_of: fpd\n", "", ["budget=flops"], ConfigError, "does not say whose cost the others get"),
        ("budget_of: fpd", "budget_of: fpdd", [], UnknownName, "Unknown row 'fpdd'"),
        (
            "",
            "",
            ["budget=flops", "optim.batch=32"],
            ConfigError,
            "'fpd' has no price in .* or its settings .* --price",
        ),
        ("", "", ["budget=flops", "optim.steps=40"], ConfigError, "what row 'redi' does once costs more .* in_budget"),
        ("{method: redi}}", "{method: redi}, in_budget: {papr: []}}", [], UnknownName, "Unknown profile 'papr'"),
        ("{method: redi}}", "{method: redi}, in_budget: [seed=1]}", [], ConfigError, "in_budget sets 'seed'"),
        ("{method: redi}}", '{method: redi}, in_budget: ["optim.lr=1,2"]}', [], ConfigError, "has several values"),
        ("{method: fpd}}", "{method: fpd}, in_budget: [optim.lr=1]}", [], ConfigError, "Leave out its in_budget"),
    ],
)
def test_what_is_wrong_is_one_line(old, new, words, error, message, file):
    path = file()
    path.write_text(SWEEP.replace(old, new))
    with pytest.raises(error, match=message):
        load_sweep(path, words)


def test_without_prices_the_command_that_writes_them_is_named(file):
    path = file()
    price_file(path).unlink()
    with pytest.raises(ConfigError, match=r"there is no .*demo.yaml. Run: .*demo.yaml profile=embedded --price"):
        load_sweep(path, ["budget=flops"])
