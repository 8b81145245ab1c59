"""docs/pandas.md, executed: its lines give the frames that it promises."""

import re
from pathlib import Path

import pandas as pd
import pytest

from fpd_bench.store import index_schema
from fpd_bench.store.export import TABLES
from tests.store.synthetic_runs import write_run

PAGE = (Path(__file__).parents[2] / "docs/pandas.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)


@pytest.fixture
def found(tmp_path, monkeypatch):
    """What the page's lines leave, run one after the other in a folder with results/."""
    for n, run_id in enumerate(("a" * 12, "b" * 12)):
        write_run(tmp_path / "results", run_id, skill=0.3 + n / 3, per_task=2, size=8, steps=5)
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in BLOCKS:
        exec(block, names)
    return names


def test_three_lines_give_every_image(found):
    code = [line for line in BLOCKS[0].splitlines() if line.strip()]
    assert len(code) == 3
    assert isinstance(found["items"], pd.DataFrame) and len(found["items"]) == 2 * 12 * 4


def test_the_other_lines_give_what_they_are_called(found):
    assert found["losses"].groupby("run_id").step.max().tolist() == [5, 5]
    assert found["scores"].tolist() == pytest.approx(found["by_task"].mean(axis=1).tolist())
    assert found["beside"].columns.tolist() == ["estimator", "optim.lr", "seed", "overall"]
    assert found["beside"].overall.notna().all()


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_and_column_is_listed(table):
    (line,) = re.findall(rf"^\| `{table.name}` \|(.*)$", PAGE, re.M)
    named = set(re.findall(r"`(\w+)`", line))
    internal = {"run_id", "content", "root", "config_schema"}
    assert named == {column.name for column in table.columns} - internal
    assert table.name in index_schema.metadata.tables
