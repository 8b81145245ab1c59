"""A label is the user's exact text, in every medium: tables, figures, page, file names. Whatever it holds."""

import html
import re
import shutil
import subprocess
import warnings

import matplotlib.text
import pandas as pd
import pytest
import yaml

from fpd_bench import report
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.errors import ConfigError
from fpd_bench.reporting import user_text
from tests.store.synthetic_runs import write_run

LABELS = [
    r"$\bm{h}=1$", "$x_$", "5$", "_ste", "α η ≠ ∞ Ω", "50% & #1", r"\alpha", "a~b^c", "<b>bold</b>", "😀 smile",
    "עברית", "long " * 60, "two\nlines", "[brackets]", "[bold]rich[/bold]", "*stars* `ticks` | pipe", "{curly}",
    '"q" \'q\'',
    "-", "--", "&amp;", "010", "{{ jinja }}", "%s %d", "\\\\",
]  # fmt: skip
WRITTEN = ["010", "1_000", "1:30", "1.10", "1e3", "0x10", "2020-01-01", "-0", ".5"]


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """The report of a table whose every label, caption and title is hostile; (folder, what was printed)."""
    folder = tmp_path_factory.mktemp("labels")
    rates = [round(1e-5 * (n + 1), 6) for n in range(len(LABELS))]
    rows = [
        {"id": f"r{n}", "label": label, "where": {"optim.lr": rate}, "shown": {LABELS[0]: label}, "published": 0.4}
        for n, (label, rate) in enumerate(zip(LABELS, rates, strict=True))
    ]
    claims = [{"better": "r1", "worse": "r0", "text": label} for label in LABELS[:13]]
    table = {"id": LABELS[0], "caption": " ".join(LABELS), "grid": [f"optim.lr={','.join(map(str, rates))}"]}
    sweep = {"name": "50% & $x_$ 😀/../a", "title": " ".join(LABELS), "seeds": [0, 1], "tables": [table]}
    table |= {"rows": rows, "claims": claims, "baseline": "r0"}
    (folder / "labels.yaml").write_text(yaml.safe_dump(sweep, allow_unicode=True))
    for cell in load_sweep(folder / "labels.yaml").cells:
        write_run(folder / "results", cell.run_id, cell.config, per_task=2, size=8, steps=5)
    drawn = []
    set_text = matplotlib.text.Text.set_text

    def remember(self, text):
        drawn.append(str(text))
        set_text(self, text)

    matplotlib.text.Text.set_text = remember
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            arguments = [
                str(folder / "labels.yaml"),
                "--results",
                str(folder / "results"),
                "--out",
                str(folder / "out"),
            ]
            assert report.main(arguments) == 0
    finally:
        matplotlib.text.Text.set_text = set_text
    return folder / "out", drawn


def test_every_file_is_there_under_a_name_that_any_system_takes(reported):
    files = [path for path in reported[0].rglob("*") if path.is_file()]
    assert all(re.fullmatch(r"[\w.@-]+", path.name, re.ASCII) and len(path.name) < 120 for path in files), files
    assert {path.suffix for path in files} == {".md", ".tex", ".csv", ".png", ".pdf", ".html"}
    assert not [path for path in reported[0].parent.iterdir() if path.name == "a"], "no name climbs out of the folder"


def test_the_csv_holds_the_exact_text(reported):
    (path,) = reported[0].glob("*.csv")
    assert pd.read_csv(path, dtype=str, keep_default_na=False).label.tolist() == LABELS


def test_the_page_shows_the_exact_text(reported):
    page = (reported[0] / "index.html").read_text()
    found = re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", page, re.S)
    cells = [html.unescape(re.sub(r"<[^>]+>", "", cell)) for cell in found]
    assert [label for label in LABELS if label not in cells] == []
    assert "<b>bold" not in page


def test_markdown_renders_the_exact_text(reported):
    (path,) = (one for one in reported[0].glob("*.md") if one.name != "index.md")
    text = path.read_text()
    for label in LABELS:
        cell = user_text.markdown(label)
        assert f"| {cell.strip()} " in text or f"|{cell} " in text, label
        assert re.sub(r"\\(.)", r"\1", cell) == user_text.one_line(label)


def test_figures_show_every_label_and_read_none_as_mathematics(reported):
    drawn = {" ".join(text.split()) for text in reported[1]}
    for label in LABELS:
        wanted = " ".join(user_text.figure(label).split())
        assert any(wanted == text or wanted in text for text in drawn), label


@pytest.mark.slow
def test_pdflatex_sets_them_all(reported, tmp_path):
    if shutil.which("pdflatex") is None:
        pytest.fail("pdflatex is missing: make services installs it")
    (path,) = reported[0].glob("*.tex")
    (needs,) = set(re.findall(r"^% Needs (.*)$", path.read_text(), re.M))
    packages = rf"\usepackage[utf8]{{inputenc}}{needs}"
    body = rf"\documentclass{{article}}{packages}\begin{{document}}{path.read_text()}\end{{document}}"
    (tmp_path / "all.tex").write_text(body)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]


def test_latex_tells_each_character_that_it_prints_as_a_number(reported):
    (path,) = reported[0].glob("*.tex")
    told = re.findall(r"^% No LaTeX form, printed as (U\+\w+): (.*)$", path.read_text(), re.M)
    assert ("U+1F600", "GRINNING FACE") in told and ("U+05E2", "HEBREW LETTER AYIN") in told
    assert "OMEGA" not in str(told) and "ALPHA" not in str(told)


@pytest.mark.parametrize("text", WRITTEN)
def test_a_number_as_a_label_keeps_its_writing(text, tmp_path):
    path = tmp_path / "numbers.yaml"
    path.write_text(
        f"tables: [{{id: a, caption: {text}, grid: ['estimator=ste'], rows: "
        f"[{{id: ste, label: {text}, where: {{estimator: ste}}, shown: {{kind: {text}}}}}]}}]\n"
    )
    (table,) = load_sweep(path).tables
    assert (table.caption, table.rows[0].label, table.rows[0].shown) == (text, text, {"kind": text})


@pytest.mark.parametrize("text", ["null", "true", "yes", "~", "no"])
def test_what_yaml_reads_as_something_else_is_refused(text, tmp_path):
    path = tmp_path / "words.yaml"
    row = f"{{id: ste, label: {text}, where: {{estimator: ste}}}}"
    path.write_text(f"tables: [{{id: a, grid: ['estimator=ste'], rows: [{row}]}}]\n")
    try:
        found = load_sweep(path).tables[0].rows[0].label
    except ConfigError as told:
        assert "Quote it" in str(told)
    else:
        assert found == text


@pytest.mark.parametrize("text", [r'"\e[31mred"', r'"a\0b"', r'"\ud800"', r'"a\bb"', r'"\u009b31m"', r'"\x7f"'])
@pytest.mark.parametrize("key", ["label", "caption", "text"])
def test_what_a_terminal_would_obey_or_no_file_can_hold_is_refused(text, key, tmp_path):
    path = tmp_path / "control.yaml"
    words = {"label": "x", "caption": "x", "text": "x"} | {key: text}
    path.write_text(
        f"tables: [{{id: a, caption: {words['caption']}, grid: ['estimator=ste,soft'], rows: [{{id: ste, label: "
        f"{words['label']}, where: {{estimator: ste}}}}, {{id: b, label: b, where: {{estimator: soft}}}}],\n"
        f"  claims: [{{better: ste, worse: b, text: {words['text']}}}]}}]\n"
    )
    with pytest.raises(ConfigError, match=r"control.yaml, line \d: .* holds the character U\+00|U\+D800") as caught:
        load_sweep(path)
    assert caught.value.args[0].isprintable()


@pytest.mark.parametrize("text", ["=", "<<"])
def test_what_yaml_alone_has_a_use_for_is_a_label(text, tmp_path):
    path = tmp_path / "words.yaml"
    row = f"{{id: ste, label: {text}, where: {{estimator: ste}}}}"
    path.write_text(f"tables: [{{id: a, grid: ['estimator=ste'], rows: [{row}]}}]\n")
    assert load_sweep(path).tables[0].rows[0].label == text


@pytest.mark.parametrize(
    "shown", ["{Row: x}", "{p: x}", "{Overall: x}", "{kind: {a: 1}}", "{kind: null}", "{kind: true}"]
)
def test_words_that_a_table_cannot_show_are_refused(shown, tmp_path):
    path = tmp_path / "shown.yaml"
    row = f"{{id: ste, label: x, where: {{estimator: ste}}, shown: {shown}}}"
    path.write_text(f"tables: [{{id: a, grid: ['estimator=ste'], rows: [{row}]}}]\n")
    with pytest.raises(ConfigError, match=r"shown.yaml, table 1, row 1"):
        load_sweep(path)


def test_two_tables_that_would_write_the_same_files_are_refused(tmp_path, capsys):
    text = "name: same\ntables: [{id: 'a/b', grid: ['estimator=ste']}, {id: 'a?b', grid: ['estimator=soft']}]\n"
    (tmp_path / "one.yaml").write_text(text)
    (tmp_path / "two.yaml").write_text("name: twin\ntables: [{id: a, grid: ['estimator=ste']}]\n")
    (tmp_path / "three.yaml").write_text("name: twin\ntables: [{id: a, grid: ['estimator=soft']}]\n")
    for cell in load_sweep(tmp_path / "one.yaml").cells:
        write_run(tmp_path / "results", cell.run_id, cell.config, per_task=1, size=8)
    (tmp_path / "four.yaml").write_text("name: index\ntables: [{id: '', grid: ['estimator=ste']}]\n")
    for files in (["one.yaml"], ["two.yaml", "three.yaml"], ["four.yaml"]):
        paths = [str(tmp_path / name) for name in files]
        arguments = [*paths, "--results", str(tmp_path / "results"), "--out", str(tmp_path / "out")]
        assert report.main(arguments) == 2
        told = capsys.readouterr().err
        assert "would both be written to" in told and all(name in told for name in files)
        assert not list((tmp_path / "out").glob("*.md"))
