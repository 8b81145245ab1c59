"""A preset is the settings it stands for, wherever overrides are read, and never takes away what a user has written."""

from pathlib import Path

import pytest

from fpd_bench.config.compose import compose, parse
from fpd_bench.config.named_settings import PRESETS
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.errors import ConfigError

COLLAPSE = Path(__file__).parents[2] / "sweeps" / "collapse.yaml"
OFFICIAL = "drift.preset=official"
SETTINGS = PRESETS["drift.preset"]["official"]


@pytest.fixture
def sweep(tmp_path):
    def load(grid, *overrides, profile="", rows=""):
        path = tmp_path / "demo.yaml"
        path.write_text(
            f"name: demo\nprofiles: {{embedded: [{profile}]}}\n"
            f"tables:\n  - id: a\n    grid: {grid}\n    rows: [{rows}]\n"
        )
        return load_sweep(path, overrides)

    return load


def cells(sweep, *fields):
    """[(row id, values of these fields of the drift)] of every table's cells."""
    return [(cell.row_id, *(getattr(cell.config.drift, field) for field in fields)) for cell in sweep.cells]


@pytest.mark.parametrize("key", PRESETS)
def test_every_preset_is_settings_that_can_be_composed(key):
    for name, texts in PRESETS[key].items():
        assert compose([f"{key}={name}"]) == compose(list(texts)) != compose([])


@pytest.mark.parametrize("word", [OFFICIAL, "drift.preset='official'", 'drift.preset="official"'])
def test_a_preset_is_read_as_its_settings(word):
    assert [override.texts for override in parse([word], "here")] == [(text,) for text in SETTINGS]


@pytest.mark.parametrize(
    "texts", [["drift.floor=0.1", OFFICIAL], [OFFICIAL, "drift.floor=0.1"]], ids=["before", "after"]
)
def test_a_setting_of_the_same_list_wins_wherever_it_stands(texts, sweep):
    assert (compose(texts).drift.floor, compose(texts).drift.combine) == (0.1, "fields")
    (cell,) = sweep("[method=fpd]", *texts).cells
    assert (cell.config.drift.floor, cell.config.drift.combine) == (0.1, "fields")


def test_on_the_command_line_it_takes_an_axis_away_with_its_rows(sweep):
    made = sweep('["drift.negatives=roll,self_masked"]', OFFICIAL)
    assert cells(made, "negatives", "combine") == [(OFFICIAL, "self_masked", "fields")]
    rows = "{id: literal, where: {drift.negatives: roll}}, {id: masked, where: {drift.negatives: self_masked}}"
    assert cells(sweep('["drift.negatives=roll,self_masked"]', OFFICIAL, rows=rows)) == [("masked",)]


def test_the_command_lines_own_axis_beside_it_stays_one(sweep):
    made = sweep('["drift.combine=losses,fields"]', OFFICIAL, "drift.combine=losses,fields")
    assert [row[1:] for row in cells(made, "combine", "negatives")] == [
        ("losses", "self_masked"),
        ("fields", "self_masked"),
    ]


@pytest.mark.parametrize("grid", ['["drift.combine=losses,fields", AT]', '[AT, "drift.combine=losses,fields"]'])
def test_an_axis_of_the_grid_beside_it_stays_one(grid, sweep):
    made = sweep(grid.replace("AT", OFFICIAL))
    assert sorted(row[1:] for row in cells(made, "combine", "floor")) == [("fields", 1e-6), ("losses", 1e-6)]
    assert all(OFFICIAL in row_id and "drift.combine=" in row_id for (row_id,) in cells(made))


def test_a_row_of_a_grid_is_called_by_the_preset_and_by_what_the_command_line_changes(sweep):
    assert cells(sweep(f"[[{OFFICIAL}], [drift.floor=0.5]]"), "floor") == [(OFFICIAL, 1e-6), ("drift.floor=0.5", 0.5)]
    ((row_id, floor, combine),) = cells(sweep(f"[{OFFICIAL}]", "drift.floor=0.25"), "floor", "combine")
    assert set(row_id.split(", ")) == {OFFICIAL, "drift.floor=0.25"} and (floor, combine) == (0.25, "fields")


def test_a_grid_and_the_command_line_change_parts_of_a_profiles(sweep):
    made = sweep('["drift.negatives=roll,self_masked"]', "drift.floor=0.25", profile=OFFICIAL)
    assert {row[1:] for row in cells(made, "negatives", "floor", "combine")} == {
        ("roll", 0.25, "fields"),
        ("self_masked", 0.25, "fields"),
    }


def test_the_sweep_of_the_readings_keeps_the_rows_that_it_leaves():
    (table,) = load_sweep(COLLAPSE, [OFFICIAL]).tables
    assert [row.id for row in table.rows] == ["batch_self_masked", "prompt_self_masked"]


WRONG = {
    "'drift.preset' in the command line cannot have several values, because it is a preset that sets several fields.": [
        "drift.preset=official,b"
    ],
    "several grids: [[drift.preset=...], [...]]": ["drift.preset=choice(official)"],
    "Unknown drift.preset 'offical' in the command line. Did you mean 'official'?": ["drift.preset=offical"],
    "Unknown field 'drift.prest' in the command line. Did you mean 'drift.preset'?": ["drift.prest=official"],
}


@pytest.mark.parametrize("message", WRONG)
def test_a_wrong_one_is_told_in_one_line(message, sweep):
    with pytest.raises(ConfigError) as caught:
        sweep("[method=fpd]", *WRONG[message])
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_row_is_told_to_name_the_settings(sweep):
    with pytest.raises(
        ConfigError, match="row x is a preset, not a field. Set one of the fields that it stands for: drift.combine, "
    ):
        sweep(f"[{OFFICIAL}]", rows="{id: x, where: {drift.preset: official}}")
