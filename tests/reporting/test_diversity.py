"""Diversity in a report: columns, the floor under claims and bold scores, and the front of quality and diversity."""

import pytest

from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.errors import ConfigError
from fpd_bench.reporting import front
from fpd_bench.reporting.results import table_result
from fpd_bench.reporting.tables import number_frame, text_frames
from fpd_bench.reporting.write import write_report
from fpd_bench.store.ingest import ingest
from fpd_bench.store.query import Store
from tests.store.synthetic_runs import finish, write_lines, write_run

SWEEP = """
name: front
metric: overall
seeds: [0, 1, 2]
tables:
  - id: a
    caption: Kept
    grid:
      - ["estimator=soft,ste", "gan.weight=0,0.1"]
      - ["method=teacher", "evaluation.teacher_guidance=-1,7"]
    rows:
      - {id: soft, label: Soft, where: {estimator: soft, gan.weight: 0}, shown: {Method: Soft}}
      - {id: soft_gan, label: Soft + GAN, where: {estimator: soft, gan.weight: 0.1}, shown: {Method: Soft}}
      - {id: ste, label: STE, where: {estimator: ste, gan.weight: 0}, shown: {Method: STE}}
      - {id: ste_gan, label: STE + GAN, where: {estimator: ste, gan.weight: 0.1}, shown: {Method: STE}}
      - {id: teacher, label: Teacher, where: {evaluation.teacher_guidance: -1}, shown: {Method: Teacher}}
      - {id: guided, label: Guided, where: {evaluation.teacher_guidance: 7}, shown: {Method: Teacher}}
    baseline: ste
    claims:
      - {better: ste, worse: soft, text: STE beats soft}
      - {better: ste_gan, worse: ste, text: The GAN helps STE}
      - {better: soft, worse: soft_gan, text: The GAN harms soft}
    front: Method
"""
SKILL = {"soft": 0.3, "soft_gan": 0.6, "ste": 0.5, "ste_gan": 0.8, "teacher": 0.9, "guided": 0.2}
DIFFER = {"soft": 0.48, "soft_gan": 0.2, "ste": 0.4, "ste_gan": 0.02, "teacher": 0.5, "guided": 0.1}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("diversity")
    (folder / "front.yaml").write_text(SWEEP)
    for cell in load_sweep(folder / "front.yaml", []).cells:
        run = write_run(
            folder / "results", cell.run_id, cell.config, skill=SKILL[cell.row_id], per_task=15, size=8, steps=20
        )
        add_diversity(run, DIFFER[cell.row_id] + 0.001 * cell.seed)
    ingest(folder / "results")
    return folder


def add_diversity(run, differ):
    path = run / "eval" / "test.jsonl"
    protocol = {"measure": "tokens of shapes/plain", "images_per_prompt": 4}
    numbers = {"differ": differ, "same": 1 - differ, "distinct": 1 + differ}
    lines = [{"metric": name, "value": value, "n": 360, "protocol": protocol} for name, value in numbers.items()]
    scored = path.read_text()
    write_lines(path, lines)
    path.write_text(scored + path.read_text())
    finish(run)


def result(project, text=SWEEP):
    path = project / "front.yaml"
    path.write_text(text)
    sweep = load_sweep(path, [])
    with Store(project / "results") as store:
        return table_result(sweep, sweep.tables[0], store)


def test_each_row_says_what_it_keeps_of_its_teachers_diversity(project):
    table = result(project)
    shares = {row.id: row.variety for row in table.rows}
    assert shares["teacher"] == pytest.approx(1) and shares["ste"] == pytest.approx(0.401 / 0.501)
    column = dict(zip(SKILL, text_frames.main_frame(table)["Diversity"], strict=True))
    assert column["ste"] == "80%" and column["ste_gan"] == "4% (collapsed)"
    assert number_frame.numbers_frame(table).set_index("row").differ["ste_gan"] == pytest.approx(0.021)


def test_a_collapsed_row_wins_no_claim_and_is_not_bold(project):
    table = result(project)
    assert [claim.verdict for claim in table.claims] == ["reproduced", "collapsed", "collapsed"]
    assert [row.id for row in table.rows if row.best] == ["teacher"]


def test_methods_are_compared_at_the_diversity_that_their_rows_keep(project, tmp_path):
    table = result(project)
    compared = {method: front.best(table, rows) for method, rows in front.methods(table).items()}
    assert {method: row.id for method, row in compared.items()} == {"Soft": "soft", "STE": "ste", "Teacher": "teacher"}
    frame = front.best_frame(table).set_index("Method")
    assert frame.Row["STE"] == "STE" and frame.Diversity["Soft"] == "96%"
    with Store(project / "results") as store:
        paths = write_report([(load_sweep(project / "front.yaml", []), store)], tmp_path).paths
    assert tmp_path / "figures" / "front-a_front.png" in paths
    assert "Quality at kept diversity" in (tmp_path / "front-a.md").read_text()


def test_runs_that_were_never_measured_have_no_diversity_and_keep_their_verdicts(tmp_path):
    path = tmp_path / "front.yaml"
    path.write_text(SWEEP)
    for cell in load_sweep(path, []).cells:
        write_run(tmp_path / "results", cell.run_id, cell.config, skill=SKILL[cell.row_id], size=8, steps=20)
    ingest(tmp_path / "results")
    table = result(tmp_path)
    assert not any(row.diversity or row.collapsed for row in table.rows)
    assert "Diversity" not in text_frames.main_frame(table) and not front.methods(table)


def test_a_front_needs_the_word_of_each_row(tmp_path):
    path = tmp_path / "front.yaml"
    path.write_text(SWEEP.replace(", shown: {Method: Teacher}", ""))
    with pytest.raises(ConfigError, match="row 'teacher' has none"):
        load_sweep(path, [])
