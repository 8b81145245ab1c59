"""`fpd-bench config`: a row with where each value comes from, the fields, the JSON schema of sweep files."""

import json
import re
from pathlib import Path

import pytest
import yaml

from fpd_bench import sweep
from fpd_bench.config.__main__ import main
from fpd_bench.config.searches.search_file import is_search

ROOT = Path(__file__).parents[2]
SWEEP = """
name: looked
seeds: [3, 4]
profiles: {embedded: ["optim.steps=40", "optim.batch=32", "drift.preset=official"]}
tables:
  - id: a
    grid: ["estimator=soft,ste", "optim.batch=16"]
    rows: [{id: ste, label: STE, where: {estimator: ste}}]
  - id: b
    grid: [["method=teacher", "evaluation.teacher_steps=2"], ["method=fpd"]]
    rows: [{id: t, where: {method: teacher}}, {id: ste, where: {method: fpd}}]
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "looked.yaml"
    path.write_text(SWEEP)
    return str(path)


def sources(capsys, *words):
    """{field: (value, source)} as printed."""
    assert main(list(words)) == 0
    lines = re.findall(r"^(\S+?)=(.*?) +# (.*)$", capsys.readouterr().out, re.M)
    return {name: (value, source) for name, value, source in lines}


def test_each_value_is_shown_with_where_it_comes_from(file, capsys):
    found = sources(capsys, file, "a/ste", "optim.lr=0.001")
    assert found["estimator"] == ("ste", "row")
    assert found["optim.batch"] == ("16", "grid")
    assert found["optim.steps"] == ("40", "profile embedded")
    assert found["drift.positives"] == ("all", "profile embedded")  # by the preset
    assert found["optim.lr"] == ("0.001", "command line")
    assert found["optim.clip"][1] == "default"
    assert found["seed"] == ("3", "seeds")
    assert "evaluation.teacher_steps" not in found and "execution.device" not in found


def test_what_a_run_does_not_read_is_shown_when_asked_for(file, capsys):
    assert sources(capsys, file, "t", "--all")["optim.steps"] == ("40", "profile embedded, not read")


def test_the_head_names_the_run_that_the_sweep_makes(file, capsys, tmp_path):
    assert main([file, "a/ste"]) == 0
    run = re.search(r"Run (\w{12}) at seed 3", capsys.readouterr().out)[1]
    assert sweep.main([file, "--dry-run", "--results", str(tmp_path / "results")]) == 0
    assert re.search(rf"^{run}  planned +a ste seed 3$", capsys.readouterr().out, re.M)


def test_rows_are_listed_and_mistakes_told(file, capsys):
    assert main([file]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert listed == ["a/ste", "a/estimator=soft, optim.batch=16", "b/t", "b/ste"]
    assert main([file, listed[1]]) == 0  # a row that the file does not name has the name of its values
    assert "estimator=soft " in capsys.readouterr().out
    assert main([file, "ste"]) == 2
    assert "Several tables" in capsys.readouterr().err
    assert main([file, "a/stee"]) == 2
    assert "Did you mean 'a/ste'?" in capsys.readouterr().err


def test_the_fields_are_those_of_the_sweeps_own_list(capsys):
    assert main(["--fields", "drift"]) == 0
    mine = capsys.readouterr().out
    assert sweep.main(["--fields", "drift"]) == 0
    assert capsys.readouterr().out == mine and "drift.bandwidths=" in mine


# ------------------------------------------------------------------------------------------------------- JSON schema
@pytest.fixture
def validator(capsys):
    jsonschema = pytest.importorskip("jsonschema")
    assert main(["--schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


SHIPPED = [path for path in sorted((ROOT / "sweeps").glob("*.yaml")) if not is_search(path)]


def test_every_shipped_sweep_fits_the_schema(validator):
    assert len(SHIPPED) > 5
    for path in SHIPPED:
        found = yaml.safe_load(path.read_text())
        errors = [f"{path.name} {list(one.path)}: {one.message[:200]}" for one in validator.iter_errors(found)]
        assert errors == []
    validator.validate(yaml.safe_load(SWEEP))


@pytest.mark.parametrize(
    "right, wrong",
    [
        ("seeds:", "seed:"), ("grid: [\"est", "gird: [\"est"), ("estimator=soft", "estimater=soft"),
        ("where: {estimator", "where: {estimater.x"), ("id: ste", "idd: ste"), ("[3, 4]", "[3, x]"),
        ("optim.steps=40", "optim.stepps=40"), ("name: looked", "metric: overal"),
    ],
)  # fmt: skip
def test_a_typing_error_does_not(validator, right, wrong):
    assert right in SWEEP
    assert [*validator.iter_errors(yaml.safe_load(SWEEP.replace(right, wrong, 1)))]


def test_the_committed_schema_is_the_one_of_the_code(capsys):
    assert main(["--schema"]) == 0
    committed = (ROOT / "docs" / "sweep.schema.json").read_text()
    assert capsys.readouterr().out == committed, "Write it anew: python docs/make_pages.py"
