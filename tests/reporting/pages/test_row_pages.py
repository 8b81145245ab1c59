"""The pages of rows: read once for page and evidence; those of rows that are gone are removed, and nothing else."""

import re

import pytest

from fpd_bench import report
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.reporting.pages import row_pages
from tests.store.synthetic_runs import write_run

ROW = "      - {{id: {0}, label: {0}, where: {{estimator: {0}}}}}\n"
SWEEP = """
name: routing
seeds: [0, 1]
profiles: {{embedded: [optim.steps=7]}}
tables:
  - id: a
    grid: ["estimator={}"]
    rows:
{}  - id: reference
    grid: ["method=teacher"]
    rows: [{{id: teacher, label: Teacher, where: {{method: teacher}}}}]
"""


def sweep(folder, *rows):
    path = folder / "routing.yaml"
    path.write_text(SWEEP.format(",".join(rows), "".join(map(ROW.format, rows))))
    return path


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    for n, cell in enumerate(load_sweep(sweep(folder, "soft", "ste")).cells):
        write_run(folder / "results", cell.run_id, cell.config, skill=0.3 + n / 20, per_task=4, size=16, steps=3)
    return folder


def run(project, *rows, out, flags=("--no-figures",)):
    words = [str(sweep(project, *rows)), "--results", str(project / "results"), "--out", str(out), *flags]
    assert report.main(words) == 0


def pages(out):
    return sorted(path.name for path in (out / "rows").iterdir())


def test_the_page_of_a_row_that_is_gone_is_removed(project, tmp_path):
    run(project, "soft", "ste", out=tmp_path)
    assert pages(tmp_path) == ["routing-a-1.html", "routing-a-2.html", "routing-reference-1.html"]
    run(project, "ste", out=tmp_path)
    assert pages(tmp_path) == ["routing-a-1.html", "routing-reference-1.html"]


def test_files_of_others_and_pages_of_other_tables_stay(project, tmp_path):
    run(project, "soft", "ste", out=tmp_path)
    rows = tmp_path / "rows"
    other = (rows / "routing-a-2.html").read_text()
    kept = {"routing-a-9.html": "mine", "notes.html": other, "other-a-7.html": other, "routing-a-x.html": other}
    for name, text in kept.items():
        (rows / name).write_text(text)
    (rows / "routing-a-8.html").mkdir()
    run(project, "ste", out=tmp_path)
    assert set(pages(tmp_path)) == {"routing-a-1.html", "routing-reference-1.html", "routing-a-8.html", *kept}


def test_evidence_reads_what_the_pages_show_only_once(project, tmp_path, monkeypatch):
    read, details = [], row_pages.details
    monkeypatch.setattr(row_pages, "details", lambda table, store: read.append(table.name) or details(table, store))
    run(project, "soft", "ste", out=tmp_path, flags=["--no-figures", "--evidence"])
    assert read == ["routing-a", "routing-reference"]


def test_a_figure_s_class_and_file_name_are_its_kind_whatever_its_caption_says(project, tmp_path):
    run(project, "soft", "ste", out=tmp_path, flags=[])
    page = (tmp_path / "index.html").read_text()
    found = re.findall(r'<img class="(\w+)" src="figures/routing-\w+_(\w+)\.png" alt="([^:]+):', page)
    assert {kind for kind, *_ in found} == {"scores", "curves", "images"} and all(one == two for one, two, _ in found)
    assert {caption for *_, caption in found} == {"Scores", "Training", "Same prompts, same noise"}


def test_an_image_file_that_has_changed_is_left_out_and_named(project, tmp_path, capsys):
    run(project, "soft", "ste", out=tmp_path / "before", flags=[])
    file = next((project / "results").glob("runs/*/samples/*.npz"))
    content = file.read_bytes()
    file.write_bytes(content + b"more")
    try:
        run(project, "soft", "ste", out=tmp_path / "after", flags=[])
    finally:
        file.write_bytes(content)
    said = f"Left out of the report, because the file has changed since it was written: {file}"
    assert said in capsys.readouterr().err
    assert (tmp_path / "after/index.html").is_file()
