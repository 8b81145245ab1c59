"""The report through its command: what it says, what it refuses to say, and that equal data give equal bytes."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from fpd_bench import report
from fpd_bench.config.schema import EvaluationConfig, RunConfig, TrackConfig
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.reporting.results import table_result
from fpd_bench.store.ingest import ingest
from fpd_bench.store.query import Store
from tests.store.synthetic_runs import finish, write_run

SWEEP = """
name: table3
title: Gradient routing and adversarial loss
metric: overall
seeds: [0, 1, 2]
profiles:
  embedded: [track.name=shapes]
  paper: [track.name=shapes, optim.steps=77]
tables:
  - id: a
    caption: "Routing & the adversarial term"
    grid: ["estimator=soft,ste", "gan.weight=0,0.1"]
    rows:
      - {id: soft, label: "Soft Emb. <50%_a|b", where: {estimator: soft, gan.weight: 0}, published: 0.38}
      - {id: soft_gan, label: "Soft + λ", where: {estimator: soft, gan.weight: 0.1}, published: 0.42}
      - {id: ste, label: STE, where: {estimator: ste, gan.weight: 0}, published: 0.43}
      - {id: ste_gan, label: "STE + λ", where: {estimator: ste, gan.weight: 0.1}}
    baseline: ste
    claims:
      - {better: ste, worse: soft, text: STE beats soft embeddings}
      - {better: soft, worse: soft_gan, text: The term hurts}
      - {better: ste_gan, worse: ste, text: The term helps STE}
"""
SKILL = {"soft": 0.4, "soft_gan": 0.5, "ste": 0.52, "ste_gan": 0.521}


@pytest.fixture
def project(tmp_path):
    """A sweep with all its runs done; returns (sweep file, results folder, write(row, seed, **changes))."""
    return make_project(tmp_path)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A finished project and the folder of its whole report, for tests that only read."""
    folder = tmp_path_factory.mktemp("written")
    project = make_project(folder)
    assert run(project, folder / "out") == 0
    return project, folder / "out"


def make_project(tmp_path):
    path = tmp_path / "table3.yaml"
    path.write_text(SWEEP)
    cells = {(cell.row_id, cell.seed): cell for cell in load_sweep(path, []).tables[0].cells}

    def write(row, seed, **changes):
        cell = cells[row, seed]
        return write_run(tmp_path / "results", cell.run_id, cell.config, **({"skill": SKILL[row]} | changes))

    for row, seed in cells:
        write(row, seed, per_task=15, size=8, steps=20)
    return path, tmp_path / "results", write


def result(project, overrides=()):
    path, results, _ = project
    ingest(results)
    sweep = load_sweep(path, list(overrides))
    with Store(results) as store:
        return table_result(sweep, sweep.tables[0], store)


def run(project, out, *options):
    path, results, _ = project
    return report.main([str(path), "--results", str(results), "--out", str(out), *options])


def test_scores_verdicts_and_bold_follow_the_runs(project):
    table = result(project)
    assert [claim.verdict for claim in table.claims] == ["reproduced", "contradicted", "undecided"]
    assert [claim.published for claim in table.claims] == pytest.approx([0.05, -0.04, None], nan_ok=True)
    assert [row.best for row in table.rows] == [False, False, True, True]
    assert all(row.score.low < row.score.value < row.score.high for row in table.rows)
    ste = table.row("ste")
    assert ste.score.value == pytest.approx(sum(seed.score for seed in ste.seeds) / 3)
    assert ste.score.value == pytest.approx(sum(task.value for task in ste.tasks.values()) / 6)
    assert (ste.images, ste.delta, table.baseline) == (3 * 90 * 4, None, "STE")
    soft = table.row("soft")
    assert soft.delta.difference.value == pytest.approx(soft.score.value - ste.score.value)
    assert soft.published_delta == pytest.approx(-0.05)


def test_missing_and_diverged_runs_are_named_and_never_averaged(project, tmp_path):
    _, _, write = project
    (write("soft", 1) / "DONE").unlink()
    write("soft_gan", 2, end="failed")
    write("ste_gan", 0, end="diverged")
    table = result(project)
    states = ["missing (1 of 3: 1 running)", "missing (1 of 3: 1 failed)", "ok", "diverged (1 of 3)"]
    assert [row.state for row in table.rows] == states
    assert [row.score is None for row in table.rows] == [True, True, False, True]
    assert {claim.verdict for claim in table.claims} == {"not tested"}
    run(project, tmp_path / "out", "--no-figures")
    text = (tmp_path / "out" / "table3a.md").read_text()
    assert "missing (1 of 3" in text and "diverged (1 of 3)" in text


def test_a_row_scored_on_fewer_images_is_not_compared(project):
    _, _, write = project
    for seed in range(3):
        write("soft", seed, per_task=15, images=2)
    table = result(project)
    assert table.row("soft").delta is None and table.claims[0].verdict == "not tested"
    assert any("not the same ones" in note for note in table.notes)
    write("ste", 0, per_task=14)
    assert result(project).row("ste").state == "unequal images"


def test_the_difference_to_published_appears_only_on_the_papers_own_bench(project, tmp_path):
    run(project, tmp_path / "out", "--no-figures")
    text = (tmp_path / "out" / "table3a.md").read_text()
    assert "Ours - published" not in text and "not expected to be equal" in text
    path, results, _ = project
    for cell in load_sweep(path, ["profile=paper"]).tables[0].cells:
        write_run(results, cell.run_id, cell.config, skill=SKILL[cell.row_id], per_task=15)
    run(project, tmp_path / "paper", "--no-figures", "--profile", "paper")
    text = (tmp_path / "paper" / "table3a.md").read_text()
    assert "Ours - published" in text and "(outside our interval)" in text and "not expected to be equal" not in text


def test_the_share_of_the_teachers_score_counts_the_sixteen_step_teacher_of_the_same_bench(project):
    _, results, _ = project
    assert result(project).teacher is None
    own = TrackConfig(preset="scattered")  # as records name the default
    write_run(results, "e" * 12, RunConfig(own, method="teacher"), skill=0.6, per_task=15)
    other = RunConfig(own, method="teacher", evaluation=EvaluationConfig(split="validation"))
    write_run(results, "d" * 12, other, skill=0.1, per_task=15)
    table = result(project)
    assert 0.5 < table.teacher < 0.7
    assert table.row("ste").kept == pytest.approx(table.row("ste").score.value / table.teacher)


def test_equal_data_give_equal_bytes(written, tmp_path):
    project, first = written
    (project[1] / "index.sqlite").unlink()
    assert run(project, tmp_path) == 0
    files = {path.relative_to(first) for path in first.rglob("*") if path.is_file()}
    assert len(files) == 3 + 2 + 8 + 4  # texts, indexes, figures, pages of rows
    for name in files:
        assert (first / name).read_bytes() == (tmp_path / name).read_bytes(), name


def test_a_new_result_changes_the_page(project, tmp_path):
    pages = []
    for skill in (0.52, 0.9):
        project[2]("ste", 0, skill=skill, per_task=15)
        run(project, tmp_path / "out", "--no-figures")
        pages.append((tmp_path / "out" / "index.html").read_bytes())
    assert pages[0] != pages[1]


def test_the_page_links_only_to_what_was_written(written):
    _, out = written
    page = (out / "index.html").read_text()
    targets = re.findall(r'(?:src|href)="([^"#][^"]*)"', page)
    assert {target.partition("#")[0] for target in targets} >= {f"rows/table3a-{n}.html" for n in (1, 2, 3, 4)}
    assert all((out / target.partition("#")[0]).exists() for target in targets)
    assert "Soft Emb. &lt;50%_a|b" in page


def test_latex_is_escaped_and_knows_our_symbols(written):
    text = (written[1] / "table3a.tex").read_text()
    assert r"Soft Emb. \ensuremath{<}50\%\_a\textbar{}b" in text and r"STE + \ensuremath{\lambda}" in text
    assert r"\toprule" in text and r"\caption{Routing \& the adversarial term}" in text
    assert len(re.findall(r"\\textbf\{0\.\d", text)) == 2
    assert not set("Δλ–") & set(text)


def test_the_csv_holds_the_numbers_of_the_table(written):
    project, out = written
    frame = pd.read_csv(out / "table3a.csv").set_index("row")
    table = result(project)
    assert frame.score.tolist() == pytest.approx([row.score.value for row in table.rows], abs=1e-5)
    assert frame.loc["soft", "counting_low"] == pytest.approx(table.row("soft").tasks["counting"].low, abs=1e-5)


def test_chosen_columns_come_in_their_order_in_every_text(project, tmp_path, capsys):
    assert run(project, tmp_path / "out", "--no-figures", "--columns", "p, overall,Δ") == 0
    assert re.search(r"Row\s+┃\s+p\s+┃\s+Overall\s+┃\s+Δ to STE\s+┃", capsys.readouterr().out)
    for name, text in (("md", r"\| Row +\| p +\| Overall +\| Δ to STE +\|\n"), ("tex", r"\nRow & p & Overall & ")):
        assert re.search(text, (tmp_path / f"out/table3a.{name}").read_text())
    assert run(project, tmp_path / "out", "--no-figures", "--columns", "pp") == 2
    assert "'pp'" in capsys.readouterr().err


@pytest.mark.slow
def test_few_columns_fit_one_column_of_a_paper(project, tmp_path):
    assert run(project, tmp_path / "out", "--no-figures", "--columns", "Overall,p") == 0
    main = (tmp_path / "out/table3a.tex").read_text().split("\\end{table}")[0] + "\\end{table}\n"
    assert "\\begin{table}[" in main
    (needs,) = re.findall(r"^% Needs (.*)$", main, re.M)
    page = rf"\documentclass[twocolumn]{{article}}{needs}\begin{{document}}{main}\end{{document}}"
    (tmp_path / "one.tex").write_text(page)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "one.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, text=True, errors="replace")
    assert "Overfull" not in done.stdout


def test_the_csv_keeps_a_tracks_own_tasks_and_has_no_empty_columns(project, tmp_path):
    _, _, write = project
    for row in SKILL:
        for seed in range(3):
            folder = write(row, seed, per_task=15)
            path = folder / "eval" / "test.jsonl"
            path.write_text(path.read_text().replace('"task": "position"', '"task": "above_all"'))
            finish(folder)
    assert run(project, tmp_path / "out", "--no-figures") == 0
    frame = pd.read_csv(tmp_path / "out" / "table3a.csv")
    assert {"above_all", "above_all_low", "above_all_high", "counting"} <= set(frame.columns)
    assert "position" not in frame and not frame.columns[frame.isna().all()].tolist()


def test_an_axis_from_the_command_line_makes_tables_with_usable_file_names(project, tmp_path):
    path, results, _ = project
    cells = load_sweep(path, ["optim.lr=1e-4,1e-3"]).tables[1].cells[:3]
    for cell in cells:
        write_run(results, cell.run_id, cell.config, per_task=2, size=8)
    assert run(project, tmp_path / "out", "optim.lr=1e-4,1e-3") == 0
    names = sorted(file.name for file in (tmp_path / "out").glob("*.md"))
    assert names == ["index.md", "table3-claims-by-table.md", "table3a_optim.lr_0.0001.md", "table3a_optim.lr_0.001.md"]
    assert (tmp_path / "out" / "figures" / "table3a_optim.lr_0.001_scores.pdf").exists()


def test_a_sweep_whose_name_has_no_number_keeps_its_tables_apart(project, tmp_path):
    path, *rest = project
    mine = path.with_name("mine.yaml")
    mine.write_text(path.read_text().replace("name: table3", "name: mine"))
    assert run((mine, *rest), tmp_path / "out") == 0
    assert (tmp_path / "out" / "mine-a.md").read_text().startswith("# Mine, a: ")


def test_a_report_that_cannot_be_written_is_one_line_and_leaves_the_old_one(project, tmp_path, capsys, monkeypatch):
    assert run(project, Path("/proc/nowhere")) == 2
    assert "Cannot write the report to '/proc/nowhere'" in capsys.readouterr().err.splitlines()[-1]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "index.md").write_text("the old one")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(
        "fpd_bench.reporting.pages.index_page.write_page", full
    )  # the last of the files, when all others are made
    assert run(project, tmp_path / "out") == 2
    assert "No space left on device. Choose another with --out" in capsys.readouterr().err.splitlines()[-1]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["index.md"]


def test_a_sweep_nobody_ran_leaves_the_report_as_it_is_and_is_told_with_its_command(project, tmp_path, capsys):
    path, _, _ = project
    assert report.main([str(path), "--results", str(tmp_path / "empty"), "--out", str(tmp_path / "out")]) == 2
    assert f"python -m fpd_bench.sweep {path} --results {tmp_path / 'empty'}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists() and not (tmp_path / "empty").exists()


def test_unknown_files_and_metrics_end_with_one_message_and_exit_code_two(project, tmp_path, capsys):
    assert report.main(["sweeps/tabel3.yaml"]) == 2
    assert "No sweep file 'sweeps/tabel3.yaml'" in capsys.readouterr().err
    path, _, _ = project
    path.write_text(SWEEP.replace("metric: overall", "metric: color"))
    assert run(project, tmp_path / "out", "--no-figures") == 2
    assert "Did you mean 'colors'?" in capsys.readouterr().err


def test_a_task_can_be_the_metric(project):
    path, _, _ = project
    path.write_text(SWEEP.replace("metric: overall", "metric: counting"))
    table = result(project)
    row = table.row("ste")
    assert row.score.value == pytest.approx(row.tasks["counting"].value) and len(row.tasks) == 6


def test_a_task_where_every_image_fails_still_has_an_interval(project):
    _, _, write = project
    for seed in range(3):
        folder = write("soft", seed, per_task=15)
        path = folder / "eval" / "test.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        lines = [json.dumps(row | {"score": 0.0 if row["task"] == "position" else row["score"]}) for row in rows]
        path.write_text("\n".join(lines) + "\n")
        finish(folder)
    position = result(project).row("soft").tasks["position"]
    assert position.value == 0 and position.high == pytest.approx(0.204, abs=0.001)  # Wilson, 15 prompts


def mark_novel(folder, which):
    """Let the items of a run say whether they are novel, and those fail that are."""
    path = folder / "eval" / "test.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        novel = which(row["item"])
        row["detail"] = {"novel": novel}
        row["score"] = 0.0 if novel else row["score"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    finish(folder)


def test_novel_compositions_are_reported_apart_within_the_tasks_that_have_them(project, tmp_path):
    _, _, write = project
    for seed in range(3):
        mark_novel(write("soft", seed, per_task=15), lambda item: item.startswith("colors") and item.endswith("7"))
    table = result(project)
    novelty = table.row("soft").novelty
    assert table.row("ste").novelty is None and novelty.tasks == ("colors",)
    assert (novelty.novel.value, novelty.novel.low) == (0, 0) and 0 < novelty.novel.high < 1
    colors = table.row("soft").tasks["colors"].value
    assert novelty.known.value == pytest.approx(colors * 15 / 14)  # 1 of 15 prompts is novel and fails
    assert novelty.gap.value == pytest.approx(-novelty.known.value) and novelty.gap.high < 0
    assert run(project, tmp_path / "out", "--no-figures") == 0
    text, page = ((tmp_path / "out" / name).read_text() for name in ("table3a.md", "index.html"))
    assert "## Novel compositions" in text and "<h3>Novel compositions</h3>" in page
    assert "same tasks (Colors)" in text


def test_what_a_killed_report_has_left_goes_and_one_that_is_being_made_stays(project, tmp_path):
    out = tmp_path / "r"
    for name in (".report-dead", ".report-alive"):
        (out / name).mkdir(parents=True)
        (out / name / "table.md").write_text("half")
    long_ago = time.time() - 7200
    os.utime(out / ".report-dead", (long_ago, long_ago))
    assert run(project, out) == 0
    assert [path.name for path in out.glob(".report-*")] == [".report-alive"]


def test_a_suite_that_marks_nothing_has_no_table_of_novel_compositions(written):
    assert "Novel compositions" not in (written[1] / "table3a.md").read_text() + (written[1] / "index.html").read_text()


def test_no_interval_of_a_score_leaves_the_range_of_scores_but_differences_may_be_negative(project):
    _, _, write = project
    for seed in range(3):
        for row, skill in (("soft", -0.17), ("soft_gan", 1.17)):  # nearly nothing right, nearly all
            write(row, seed, per_task=15, skill=skill)
    table = result(project)
    low, high = table.row("soft"), table.row("soft_gan")
    assert 0 < low.score.value < 0.05 and 0.95 < high.score.value < 1
    for row in (low, high):
        estimates = [row.score, *row.tasks.values()]
        assert all(0 <= one.low <= one.value <= one.high <= 1 for one in estimates)
    assert low.delta.difference.low < 0


def test_opening_the_report_loads_no_torch():
    code = (
        "import sys, fpd_bench.report, fpd_bench.config.sweeps.spec, fpd_bench.reporting.write;"
        "import fpd_bench.reporting.figures.score_figures;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
