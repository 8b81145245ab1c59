"""The evidence of a report: a clone without results renders every file again, byte for byte, and notices a change."""

import gzip
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from fpd_bench import report
from fpd_bench.config.sweeps.spec import load_sweep
from tests.store.synthetic_runs import write_run

SWEEP = """
name: routing
seeds: [0, 1]
profiles: {embedded: [optim.steps=7], other: [optim.steps=9]}
tables:
  - id: a
    grid: ["estimator=soft,ste"]
    rows:
      - {id: soft, label: Soft, where: {estimator: soft}, published: 0.38}
      - {id: ste, label: STE, where: {estimator: ste}, published: 0.43}
    baseline: soft
    claims: [{better: ste, worse: soft}]
  - id: reference
    grid: ["method=teacher"]
    rows: [{id: teacher, label: Teacher, where: {method: teacher}}]
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder with a sweep file and a report with its evidence; the results behind it are gone."""
    folder = tmp_path_factory.mktemp("evidence")
    path = folder / "routing.yaml"
    path.write_text(SWEEP)
    for n, cell in enumerate(load_sweep(path).cells):
        write_run(folder / "results", cell.run_id, cell.config, skill=0.3 + n / 20, per_task=8, size=16, steps=30)
    out = folder / "reports"
    assert report.main([str(path), "--results", str(folder / "results"), "--out", str(out), "--evidence"]) == 0
    shutil.rmtree(folder / "results")
    return folder


@pytest.fixture
def copy(written, tmp_path):
    shutil.copytree(written, tmp_path / "copy")
    return tmp_path / "copy" / "reports"


def files(folder):
    found = (path for path in folder.rglob("*") if path.is_file() and "evidence" not in path.parts)
    return {path.relative_to(folder): path.read_bytes() for path in found}


def test_every_file_is_rendered_again_byte_for_byte(copy, tmp_path):
    before = files(copy)
    assert len(before) == 2 * 3 + 2 + 2 * 3 * 2 + 2 + 3  # texts, page, figures, effects, pages of rows
    again = copy.parent / "again"
    assert report.main(["--from", str(copy / "evidence"), "--out", str(again)]) == 0
    assert files(again) == before


def test_a_check_changes_nothing_and_agrees(copy, capsys):
    before = files(copy)
    assert report.main(["--check", "--out", str(copy)]) == 0
    assert "25 of 25 files" in capsys.readouterr().err and files(copy) == before


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("routing-a.csv", "Soft", "Hard", "row soft, label: Hard; evidence and code give Soft"),
        ("routing-a.md", "Claims", "Claim", "line "),
        ("figures/routing-a_scores.png", b"IDAT", b"IDAX", "the picture differs"),
        ("index.md", "routing", "running", "line "),
    ],
)
def test_a_changed_file_is_named_with_what_differs(copy, capsys, name, old, new, said):
    path = copy / name
    content = path.read_bytes()
    old, new = (text if isinstance(text, bytes) else text.encode() for text in (old, new))
    assert old in content
    path.write_bytes(content.replace(old, new, 1))
    assert report.main(["--check", "--out", str(copy)]) == 1
    assert f"{copy}/{name}: " in (out := capsys.readouterr().out) and said in out


@pytest.mark.slow
@pytest.mark.parametrize(("levels", "code"), [(2, 0), (40, 1)])
def test_a_picture_may_differ_by_rounding_only(copy, levels, code):
    path = copy / "figures/routing-a_scores.png"
    pixels = np.asarray(Image.open(path)).copy()
    pixels[5, 5, :3] -= np.uint8(levels)
    Image.fromarray(pixels).save(path)
    assert report.main(["--check", "--out", str(copy)]) == code


def test_a_missing_file_and_a_changed_score_are_named(copy, capsys):
    (copy / "routing-a.tex").unlink()
    index = copy / "evidence/routing/index.json.gz"
    content = json.loads(gzip.decompress(index.read_bytes()))
    score = content["tables"]["items"]["columns"].index("score")
    for row in content["tables"]["items"]["rows"]:
        row[score] = 1.0
    index.write_bytes(gzip.compress(json.dumps(content).encode(), mtime=0))
    assert report.main(["--check", "--out", str(copy), "--no-figures"]) == 1
    out = capsys.readouterr().out
    assert "routing-a.tex is missing" in out and "routing-a.csv: row soft, score: " in out


def test_evidence_is_small_and_the_same_twice(written, copy):
    evidence = sorted(path for path in (copy / "evidence").rglob("*") if path.is_file())
    assert sum(path.stat().st_size for path in evidence) < 100_000
    assert "results" not in gzip.decompress((copy / "evidence/routing/index.json.gz").read_bytes()).decode()[-2000:]


@pytest.mark.parametrize("text", ["", "[]", '{"schema_version": 2}', None])
def test_damaged_evidence_is_refused_in_one_line(copy, capsys, text):
    content = b"no gzip" if text is None else gzip.compress(text.encode())
    (copy / "evidence/routing/index.json.gz").write_bytes(content)
    assert report.main(["--check", "--out", str(copy)]) != 0
    assert capsys.readouterr().err.count("\n") == 1


def test_what_makes_no_sense_is_refused(copy, capsys, tmp_path):
    assert report.main(["--from", str(tmp_path), "--out", str(copy)]) == 2
    assert "holds no evidence" in capsys.readouterr().err
    assert report.main(["sweeps/table3.yaml", "--check", "--out", str(copy)]) == 2
    assert "names its own sweeps" in capsys.readouterr().err
