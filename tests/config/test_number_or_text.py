"""A number where text is meant and text where a number is: told with file, table and row, never read as another."""

import pytest

from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.config.written import read_yaml
from fpd_bench.errors import ConfigError

ROW = "{{id: ste, label: x, where: {{estimator: ste}}{more}}}"
SWEEP = "seeds: {seeds}\ntables: [{{id: a, grid: {grid}, rows: [{row}]}}]\n"
GRID = "['estimator=ste']"
REFUSED = {
    "base 8": ({"seeds": "[010]"}, "x.yaml: seeds must be .*; got ..010.."),
    "base 8 that is none": ({"seeds": "[08]"}, "x.yaml: seeds must be .*; got ..08.."),
    "base 60": ({"seeds": "[1:30]"}, "x.yaml: seeds must be .*; got ..1:30.."),
    "base 60 with a point": ({"more": ", published: 1:30.5"}, "x.yaml, table 1, row 1: 'published' must be a number"),
    "base 8 published": ({"more": ", published: 010"}, "x.yaml, table 1, row 1: 'published' .* This is text"),
    "quoted": ({"more": ", published: '0.4'"}, "row 1: 'published' .*; got '0.4'. This is text: write a number, with"),
    "in per cent": ({"more": ", published: 40%"}, "got '40%'. This is text"),
    "a grid of fields": ({"grid": "{optim.lr: [1e-3, 1e-4]}"}, "x.yaml, table a: a grid is a list .*'optim.lr=a,b'"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_it_is_refused_for_what_it_is(kind, tmp_path):
    given, said = REFUSED[kind]
    row = ROW.format(more=given.get("more", ""))
    path = tmp_path / "x.yaml"
    path.write_text(SWEEP.format(seeds=given.get("seeds", "[0]"), grid=given.get("grid", GRID), row=row))
    with pytest.raises(ConfigError, match=said):
        load_sweep(path)


@pytest.mark.parametrize(("text", "seed"), [("10", 10), ("0", 0), ("1_000", 1000), ("0x10", 16)])
def test_other_numbers_are_read(text, seed, tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text(SWEEP.format(seeds=f"[{text}]", grid=GRID, row=ROW.format(more="")))
    assert load_sweep(path).cells[0].config.seed == seed


@pytest.mark.parametrize("libyaml", [True, False])
@pytest.mark.parametrize(
    "text", ["[" * 200_000, "tables: " + "{a: " * 100 + "1" + "}" * 100, "a: &a [*a]\n", "- [1\n- 2"]
)
def test_a_file_that_no_parser_bears_is_told(text, libyaml, tmp_path, monkeypatch):
    if not libyaml:
        monkeypatch.setattr("yaml.__with_libyaml__", False)
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="nested too deeply|is not YAML|unknown key|lacks|has no|must be"):
        load_sweep(path)


@pytest.mark.parametrize("text", ["a: 1\t\n", "a: |\t\n", "a: x\ty\n", "a:\n\ufeffb: 2\n", "# a\n\ufeff\n"])
def test_tabs_and_marks_are_read_alike_with_libyaml_and_without(text, tmp_path, monkeypatch):
    path, found = tmp_path / "x.yaml", []
    path.write_text(text, encoding="utf-8")
    for libyaml in (True, False):
        monkeypatch.setattr("yaml.__with_libyaml__", libyaml)
        try:
            found.append(read_yaml(path))
        except ConfigError as error:
            found.append(str(error))
    assert found[0] == found[1]
