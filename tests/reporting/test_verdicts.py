"""What a report says of its claims: one comparison a pair, margins, one seed, noise, and what it takes to decide."""

import pytest

from fpd_bench import report
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.errors import ConfigError
from fpd_bench.reporting.results import table_result
from fpd_bench.store.ingest import ingest
from fpd_bench.store.query import Store
from tests.store.synthetic_runs import write_run

SWEEP = """
name: table3
metric: overall
seeds: [0, 1, 2]
tables:
  - id: a
    caption: Routing
    grid: ["estimator=soft,ste", "gan.weight=0,0.1"]
    rows:
      - {id: soft, label: Soft, where: {estimator: soft, gan.weight: 0}, published: 0.38}
      - {id: soft_gan, label: Soft + GAN, where: {estimator: soft, gan.weight: 0.1}}
      - {id: ste, label: STE, where: {estimator: ste, gan.weight: 0}, published: 0.43}
      - {id: ste_gan, label: STE + GAN, where: {estimator: ste, gan.weight: 0.1}, published: 0.42}
    baseline: ste
    claims:
      - {better: ste, worse: soft, text: STE beats soft}
      - {better: ste_gan, worse: ste, text: The GAN does no harm, margin: 0.1}
      - {better: ste_gan, worse: ste, text: The GAN helps}
"""
SKILL = {"soft": 0.3, "soft_gan": 0.4, "ste": 0.52, "ste_gan": 0.525}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verdicts")
    path = folder / "table3.yaml"
    path.write_text(SWEEP)
    for cell in load_sweep(path, []).cells:
        write_run(folder / "results", cell.run_id, cell.config, skill=SKILL[cell.row_id], per_task=15, size=8, steps=20)
    ingest(folder / "results")
    return folder


def result(project, text=SWEEP):
    path = project / "table3.yaml"
    path.write_text(text)
    sweep = load_sweep(path, [])
    with Store(project / "results") as store:
        return table_result(sweep, sweep.tables[0], store)


def test_a_pair_has_one_difference_whoever_asks_for_it(project):
    table = result(project)
    delta, claim = table.row("soft").delta, table.claims[0].ours
    assert claim.p == delta.p == table.claims[0].p
    assert (claim.difference.low, claim.difference.high) == (-delta.difference.high, -delta.difference.low)
    assert table.row("ste_gan").delta == table.claims[1].ours == table.claims[2].ours


def test_verdicts_stand_on_the_adjusted_p_and_a_claim_may_allow_a_margin(project):
    beats, no_harm, helps = result(project).claims
    assert [claim.verdict for claim in (beats, no_harm, helps)] == ["reproduced", "reproduced", "undecided"]
    assert beats.p < beats.p_holm and no_harm.p < helps.p  # against the margin, against no difference
    assert not no_harm.ours.difference.excludes(0.0)


def test_the_pages_show_both_p_the_margin_and_the_noise(project, tmp_path):
    result(project)
    assert (
        report.main(
            [
                str(project / "table3.yaml"),
                "--results",
                str(project / "results"),
                "--out",
                str(tmp_path),
                "--no-figures",
            ]
        )
        == 0
    )
    text = (tmp_path / "table3a.md").read_text()
    assert "| p Holm" in text and "The GAN does no harm (margin 0.1)" in text
    assert "## What it takes to decide" in text and "Seeds that agree" in text and "3 of 3" in text
    assert (
        "Noise: the scores of a row's runs have a standard deviation (SD) of 0.0" in text
        and "With 3 seeds and 3 claims" in text
    )
    assert "docs/statistics.md" in text
    page = (tmp_path / "index.html").read_text()
    assert "What it takes to decide" in page and "Noise: the scores of a row" in page


def test_an_open_claim_says_how_many_seeds_it_needs_and_a_published_one_what_it_is_worth(project):
    table = result(project)
    beats, _, helps = (claim.outlook for claim in table.claims)
    assert beats.wins == 3 and beats.new_seed.value > 0.9 and beats.at_published != beats.at_published  # nan: decided
    assert helps.at_published > 3 and 0 < helps.worth.p < 1 and helps.worth.least > helps.worth.spread
    assert table.floor.observable < table.floor.detectable
    assert 0 < table.floor.sampling_sd < 0.05


def test_with_one_seed_intervals_speak_of_prompts_and_nothing_is_decided(project):
    table = result(project, SWEEP.replace("[0, 1, 2]", "[0]"))
    assert {claim.verdict for claim in table.claims} == {"not tested"}
    assert table.row("soft").delta.p is None and table.row("soft").delta.difference.high < 0
    assert not any(row.best for row in table.rows)
    assert table.floor.observable is None


@pytest.mark.parametrize("margin", ["-0.1", ".inf"])
def test_a_margin_that_is_no_distance_is_refused(tmp_path, margin):
    path = tmp_path / "table3.yaml"
    path.write_text(SWEEP.replace("margin: 0.1", f"margin: {margin}"))
    with pytest.raises(ConfigError, match="margin must be 0 or more"):
        load_sweep(path, [])


def test_a_report_inside_the_checkout_points_to_the_page_on_statistics(project, tmp_path, monkeypatch):
    from fpd_bench.reporting import write

    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/statistics.md").touch()
    monkeypatch.setattr(write, "__file__", str(tmp_path / "fpd_bench/reporting/write.py"))
    result(project)
    sheet = [str(project / "table3.yaml"), "--results", str(project / "results"), "--no-figures", "--out"]
    assert report.main([*sheet, str(tmp_path / "reports")]) == 0
    assert "(../docs/statistics.md)" in (tmp_path / "reports/table3a.md").read_text()
    assert 'href="../docs/statistics.md"' in (tmp_path / "reports/index.html").read_text()
    assert report.main([*sheet, str(project / "elsewhere")]) == 0
    assert "statistics.md)" not in (project / "elsewhere/table3a.md").read_text()
