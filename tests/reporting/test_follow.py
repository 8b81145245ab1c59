"""`report --watch`: the report of a running sweep is written again when runs end, and the command ends with them."""

from types import SimpleNamespace

import pytest

from fpd_bench import report
from fpd_bench.config.sweeps.spec import load_sweep
from tests.reporting.test_evidence import SWEEP
from tests.store.synthetic_runs import write_run


@pytest.fixture
def sweep(tmp_path):
    path = tmp_path / "routing.yaml"
    path.write_text(SWEEP)
    return path


def test_it_is_written_when_runs_end_and_ends_with_the_last(sweep, tmp_path, monkeypatch, capsys):
    results, out = tmp_path / "results", tmp_path / "out"
    cells = load_sweep(sweep).cells
    write_run(results, cells[0].run_id, cells[0].config, end="running")
    texts, slept = [], []

    def another_run_ends(seconds):
        slept.append(seconds)
        texts.append((out / "routing-a.md").read_text() if out.is_dir() and (out / "routing-a.md").exists() else None)
        if len(slept) != 3:  # once, nothing has happened meanwhile
            cell = cells[len(slept) - 1 - (len(slept) > 3)]
            write_run(results, cell.run_id, cell.config, per_task=6, size=8, steps=3)

    monkeypatch.setattr("fpd_bench.reporting.report_watch.time", SimpleNamespace(sleep=another_run_ends))
    command = [str(sweep), "--results", str(results), "--out", str(out), "--no-figures", "--watch", "0.5"]
    assert report.main(command) == 0
    assert set(slept) == {0.5} and len(slept) == len(cells) + 1
    assert texts[0] is None and texts[1] != texts[2] == texts[3] != texts[-1]
    said = capsys.readouterr().err
    assert said.count("are in the report") == len(cells) and "waiting for 0 runs" in said
    assert "missing" not in (out / "routing-a.md").read_text()


@pytest.mark.parametrize("given", ["0", "-1", "soon", "1e9"])
def test_seconds_that_are_none_are_refused(sweep, tmp_path, capsys, given):
    with pytest.raises(SystemExit) as end:
        report.main([str(sweep), "--results", str(tmp_path), "--watch", given])
    assert end.value.code == 2 and "0.1 to 3600 seconds" in capsys.readouterr().err
