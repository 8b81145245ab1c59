"""A report of many tables is made by several processes: the same bytes, the same errors, and nobody is left behind."""

import multiprocessing
import os

import pytest

from fpd_bench import report
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.reporting import table_files
from fpd_bench.store.ingest import ingest
from tests.store.synthetic_runs import write_run

TABLES = 5
TABLE = """
  - id: t{n}
    caption: Table {n}
    grid: ["optim.lr=1e-{n},2e-{n}"]
    rows:
      - {{id: a, label: A, where: {{optim.lr: 1e-{n}}}}}
      - {{id: b, label: B, where: {{optim.lr: 2e-{n}}}}}
    claims:
      - {{better: a, worse: b, text: A is better}}
"""


@pytest.fixture
def project(tmp_path):
    """A sweep of several tables with all its runs done."""
    path = tmp_path / "many.yaml"
    tables = "".join(TABLE.format(n=n) for n in range(3, 3 + TABLES))
    path.write_text(f"name: many\nseeds: [0, 1]\ntables:{tables}")
    for n, cell in enumerate(load_sweep(path, []).cells):
        write_run(tmp_path / "results", cell.run_id, cell.config, skill=0.3 + n / 50, size=8, steps=20)
    ingest(tmp_path / "results")
    return path


def write(path, name, *words):
    out = path.parent / name
    return out, report.main([str(path), "--results", str(path.parent / "results"), "--out", str(out), *words])


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def in_processes(monkeypatch):
    """Make few tables as many are; pytest's own threads are no danger to what is done here."""
    monkeypatch.setattr(table_files, "MANY", 2)
    monkeypatch.setattr(table_files, "can_fork", lambda: True)


def test_many_tables_give_the_bytes_of_few(project, monkeypatch):
    one, _ = write(project, "one", "--no-figures", "--evidence")
    in_processes(monkeypatch)
    several, code = write(project, "several", "--no-figures", "--evidence")
    assert code == 0 and files(one) == files(several) and len(files(one)) > 5 * TABLES
    assert not multiprocessing.active_children()


def test_what_a_process_cannot_make_is_made_here_and_its_error_told(project, monkeypatch, capsys):
    in_processes(monkeypatch)
    out, code = write(project, "columns", "--no-figures", "--columns", "Overal")
    assert code == 2 and "Overal" in capsys.readouterr().err
    assert not out.exists() or not files(out)
    assert not multiprocessing.active_children()


def test_tables_of_a_process_that_was_killed_are_made_here(project, monkeypatch):
    expected, _ = write(project, "one", "--no-figures")
    in_processes(monkeypatch)
    make, first = table_files.make, os.getpid()

    def die_in_the_third(job):
        if os.getpid() != first and job.table.id == "t5":
            os.kill(os.getpid(), 9)
        return make(job)

    monkeypatch.setattr(table_files, "make", die_in_the_third)
    out, code = write(project, "killed", "--no-figures")
    assert code == 0 and files(out) == files(expected)


def in_the_first_process_only(work):
    """Let every other process be killed at it."""
    first = os.getpid()

    def carry_out(*words):
        if os.getpid() != first:
            os.kill(os.getpid(), 9)
        return work(*words)

    return carry_out


def test_many_runs_are_read_by_another_process_and_its_errors_are_told(project, monkeypatch, capsys):
    expected, _ = write(project, "one", "--no-figures")
    monkeypatch.setattr(report, "MANY_RUNS", 1)
    monkeypatch.setattr(report, "can_fork", lambda: True)
    index = project.parent / "results" / "index.sqlite"
    index.unlink()
    out, code = write(project, "forked", "--no-figures")
    assert code == 0 and files(out) == files(expected) and index.is_file()
    monkeypatch.setattr("fpd_bench.store.ingest.ingest", in_the_first_process_only(ingest))
    assert write(project, "again", "--no-figures")[1] == 0
    assert "runs read" in capsys.readouterr().err and not multiprocessing.active_children()
