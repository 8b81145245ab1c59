"""The same tuning for every method: each training of Tables 1 and 2 is tried at each rate, and the best one is told."""

import runpy
from pathlib import Path

import pytest

from fpd_bench.config.sweeps.spec import load_sweep

ROOT = Path(__file__).parent.parent
SCRIPT = runpy.run_path(str(ROOT / "benchmarks/tuned_rates.py"))
PAIRS = {"tuning_digits": "table2", "tuning_shapes": "table1"}


def write_scores(folder, tuning, score):
    """Write a report's numbers: score(row, learning rate)."""
    cells = load_sweep(ROOT / f"sweeps/{tuning}.yaml").cells
    lines = [f"{cell.row_id},{score(cell.row_id, cell.config.optim.lr)}" for cell in cells]
    (folder / f"{tuning}-a.csv").write_text("\n".join(["row,score", *lines]) + "\n")


@pytest.mark.parametrize("tuning", PAIRS)
def test_every_training_of_a_table_is_tried_at_three_rates_with_its_own_settings(tuning, tmp_path):
    rows = SCRIPT["tuned_rows"](tuning, PAIRS[tuning], tmp_path)
    assert len(rows) == 12 and all([*row.scores] == [5e-5, 1e-4, 5e-4] for row in rows)
    seeds = {cell.seed for cell in load_sweep(ROOT / f"sweeps/{PAIRS[tuning]}.yaml").cells}
    cells = load_sweep(ROOT / f"sweeps/{tuning}.yaml").cells
    assert len(cells) == 33 and seeds.isdisjoint(cell.seed for cell in cells)
    assert {cell.config.evaluation.split for cell in cells} == {"validation"}


def test_the_best_rate_is_the_lowest_fid_and_the_highest_share(tmp_path, capsys):
    for tuning in PAIRS:
        write_scores(tmp_path, tuning, lambda row, rate: (0.2 if row.startswith("sdtt") else 0.3) + rate)
    assert SCRIPT["main"](["--reports", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert "| SDTT, 4 steps | 0.20 | 0.20 | 0.20 | 5e-05 |" in told.out  # FID: lower is better
    assert "| SDTT, 4 steps | 0.200 | 0.200 | 0.201 | 0.0005 |" in told.out  # a share: higher is better
    assert (tmp_path / "tuned_rates.md").read_text() in told.out
    assert "table2, DiMO: write optim.lr=5e-05; it has optim.lr=" in told.err


def test_a_missing_run_is_named_and_chooses_nothing(tmp_path, capsys):
    write_scores(tmp_path, "tuning_digits", lambda row, rate: "" if (row, rate) == ("fpd-1e-4", 1e-4) else 1 / rate)
    assert SCRIPT["main"](["--reports", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert "table2, FPD: a run is missing. Run: python -m fpd_bench.sweep tuning_digits" in told.err
    assert "table1, MaskGen-FPD: a run is missing. Run: python -m fpd_bench.sweep tuning_shapes" in told.err
    assert "| FPD | 20000.00 | – | 2000.00 | – |" in told.out


@pytest.mark.parametrize("tuning", PAIRS)
def test_the_committed_tables_train_with_the_rates_that_the_committed_reports_choose(tuning):
    if not (ROOT / f"reports/{tuning}-a.csv").is_file():
        pytest.skip(f"reports/ has no table of {tuning} yet")
    rows = SCRIPT["tuned_rows"](tuning, PAIRS[tuning], ROOT / "reports")
    assert {row.label: row.rate for row in rows} == {row.label: row.best for row in rows}
