"""Sweep files and overrides: what they expand to, and one clear line for each way to get them wrong."""

import subprocess
import sys

import pytest

from fpd_bench.config.compose import compose, parse
from fpd_bench.config.fields import value
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.errors import ConfigError

SWEEP = """\
name: demo
seeds: [0, 1]
profiles:
  embedded: [optim.steps=40, optim.lr=1e-3]
  long: [optim.steps=4000]
tables:
  - id: a
    caption: Routing
    grid: ["estimator=soft,ste", "gan.weight=0,0.1"]
    rows:
      - {id: soft, label: Soft, where: {estimator: soft, gan.weight: 0}, published: 0.38}
      - {id: ste, label: STE, where: {estimator: ste, gan.weight: 0.0}}
    baseline: soft
    claims: [{better: ste, worse: soft, text: STE wins}]
"""


@pytest.fixture
def sweep_file(tmp_path):
    def write(text=SWEEP, old="", new=""):
        assert old in text
        path = tmp_path / "demo.yaml"
        path.write_text(text.replace(old, new))
        return path

    return write


def cells(sweep, table=0):
    return [(cell.row_id, cell.seed) for cell in sweep.tables[table].cells]


def test_a_table_is_its_grid_by_its_seeds(sweep_file):
    sweep = load_sweep(sweep_file())
    (table,) = sweep.tables
    auto = ["estimator=soft, gan.weight=0.1", "estimator=ste, gan.weight=0.1"]
    assert [row.id for row in table.rows] == ["soft", "ste", *auto]
    assert cells(sweep) == [(row.id, seed) for row in table.rows for seed in (0, 1)]
    assert {cell.config.optim.steps for cell in table.cells} == {40}
    assert (table.baseline, table.claims[0].better, table.rows[0].published) == ("soft", "ste", 0.38)
    assert [config.seed for config in sweep.runs().values()] == [0] * 4 + [1] * 4
    assert all(cell.run_id in sweep.runs() and cell.config.seed == cell.seed for cell in table.cells)


def test_the_command_line_replaces_profile_seeds_fields_and_axes(sweep_file):
    sweep = load_sweep(sweep_file(), ["profile=long", "seeds=[3]", "gan.weight=0", "refine.guidance=2"])
    assert cells(sweep) == [("soft", 3), ("ste", 3)]
    config = sweep.cells[0].config
    assert (config.optim.steps, config.refine.guidance, sweep.profile) == (4000, 2.0, "long")


def test_a_row_whose_cells_the_command_line_took_away_is_gone_with_its_claims(sweep_file):
    sweep = load_sweep(sweep_file(), ["estimator=ste"])
    assert [row.id for row in sweep.tables[0].rows] == ["ste", "estimator=ste, gan.weight=0.1"]
    assert (sweep.tables[0].baseline, sweep.tables[0].claims) == (None, ())


def test_an_axis_that_no_grid_has_makes_a_table_per_value(sweep_file):
    sweep = load_sweep(sweep_file(), ["drift.bandwidths=[0.05],[0.2,0.5]", "seeds=0"])
    assert [table.id for table in sweep.tables] == ["a@drift.bandwidths=[0.05]", "a@drift.bandwidths=[0.2,0.5]"]
    assert [table.claims[0].text for table in sweep.tables] == ["STE wins"] * 2
    assert [table.cells[0].config.drift.bandwidths for table in sweep.tables] == [[0.05], [0.2, 0.5]]
    assert len(sweep.runs()) == 8


def test_an_axis_that_no_table_reads_is_refused(sweep_file):
    old = '["estimator=soft,ste", "gan.weight=0,0.1"]'
    rows = SWEEP[SWEEP.index("    rows:") :]
    path = sweep_file(SWEEP.replace(rows, ""), old, '["method=teacher", "evaluation.teacher_steps=1,16"]')
    with pytest.raises(ConfigError, match="No run of .*demo.yaml reads 'optim.lr', so its values make no difference"):
        load_sweep(path, ["optim.lr=1e-4,1e-3"])


UNREAD = {
    "dimo.aux_lr=1e-3": "reads 'dimo.aux_lr', so its value makes no difference. Leave it out.",
    "gan.updates=2 gan.weight=0": "reads 'gan.updates', so its value makes no difference. It is read where gan.weight",
    "optim.lr=1e-3 method=teacher": "reads 'optim.lr', so its value makes no difference",
}


@pytest.mark.parametrize("words", UNREAD)
def test_a_value_that_no_run_reads_is_refused(sweep_file, words):
    text = SWEEP.replace('["estimator=soft,ste", "gan.weight=0,0.1"]', '["estimator=soft,ste"]')
    text = text[: text.index("    rows:")]
    with pytest.raises(ConfigError, match=f"No run of .*demo.yaml {UNREAD[words]}"):
        load_sweep(sweep_file(text), words.split())


def test_a_value_that_one_run_reads_is_enough_and_execution_and_presets_need_no_reader(sweep_file):
    assert load_sweep(sweep_file(), ["gan.updates=2", "execution.threads=1", "drift.preset=official"]).cells


def test_grids_are_united_and_equal_cells_are_one(sweep_file):
    grid = '[["estimator=soft", "gan.weight=0"], ["estimator=soft,ste", "gan.weight=0.0"]]'
    sweep = load_sweep(sweep_file(old='["estimator=soft,ste", "gan.weight=0,0.1"]', new=grid))
    assert cells(sweep) == [("soft", 0), ("soft", 1), ("ste", 0), ("ste", 1)]


def test_grids_and_rows_may_differ_by_profile(sweep_file):
    text = SWEEP.replace(
        '["estimator=soft,ste", "gan.weight=0,0.1"]', "{embedded: [estimator=ste], long: [estimator=soft]}"
    )
    text = (
        text[: text.index("      - {id: soft")]
        + "      - {id: x, where: {embedded: {estimator: ste}, long: {estimator: soft}}}\n"
    )
    assert cells(load_sweep(sweep_file(text))) == [("x", 0), ("x", 1)]
    assert load_sweep(sweep_file(text), ["profile=long"]).cells[0].config.estimator == "soft"


def test_sets_are_sorted_wherever_they_come_from(sweep_file):
    sweep = load_sweep(sweep_file(), ["drift.blocks=[3,1,3]"])
    assert sweep.cells[0].config.drift.blocks == [1, 3]


WRONG_LINE = {
    "Unknown profile 'lng' in": ["profile=lng"],
    "Unknown field 'estimatr' in the command line. Did you mean 'estimator'?": ["estimatr=ste"],
    "Unknown estimator 'stee'. Did you mean 'ste'?": ["estimator=stee"],
    "'gan' is a group of fields; set them one by one: gan.weight": ["gan={weight:1}"],
    "optim.steps must be a whole number; got abc": ["optim.steps=abc"],
    "optim.steps must be a whole number; got 1.5": ["optim.steps=1.5"],
    "drift.blocks must be a list of whole numbers": ["drift.blocks=3"],
    "optim.lr must be a number; got nan": ["optim.lr=nan"],
    "optim.lr must be a number; got inf": ["optim.lr=inf"],
    "interval() has no values to enumerate": ["optim.lr=interval(1e-5,1e-3)"],
    "Name them: optim.lr=a,b,c.": ["optim.lr=tag(log, interval(1e-5,1e-3))"],
    "'optim.lr' is given more than once in the command line, with several values": ["optim.lr=1e-3,1", "optim.lr=1e-4"],
    "the command line sets 'seed', which is not a choice to compare. Write seeds=[0,1]": ["seed=3"],
    "seeds must be distinct whole numbers from 0": ["seeds=[1,1]"],
    "got [-1]": ["seeds=[-1]"],
    "seeds must be whole numbers, like seeds=[0,1,2]; got ''": ["seeds=[]"],
    "got 'a'": ["seeds=a"],
    "'a=b=c' in the command line is not key=value": ["a=b=c"],
    "'nonsense' in the command line is not key=value": ["nonsense"],
    "'gan.weight=range(0,1,0)' in the command line: a range needs a step other than 0": ["gan.weight=range(0,1,0)"],
    "the range has 1,000,000,000 values; 10,000 are the most": ["optim.steps=range(0,1000000000)"],
    "only key=value is allowed": ["+seed=1"],
    "references like ${name} are not allowed": ["optim.lr=${gan.lr}"],
    "'execution.threads' in the command line cannot have several values": ["execution.threads=1,2"],
    "'estimator=glob(*)' in the command line: glob() has no values": ["estimator=glob(*)"],
}


@pytest.mark.parametrize("message", WRONG_LINE)
def test_a_wrong_command_line_is_told_in_one_line(sweep_file, message):
    with pytest.raises(ConfigError) as caught:
        load_sweep(sweep_file(), WRONG_LINE[message])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


GRID = '["estimator=soft,ste", "gan.weight=0,0.1"]'
WRONG_FILE = {
    "the grid is empty": (GRID, "[]"),
    "Unknown key 'sedes' in": ("seeds:", "sedes:"),
    "'tables' must be a list": ("tables:\n", "tables: {}\nx:\n"),
    "a row needs 'where'": (", where: {estimator: ste, gan.weight: 0.0}", ""),
    "row label 'Soft' is used twice": ("label: STE", "label: Soft"),
    "row id 'soft' is used twice": ("id: ste", "id: soft"),
    "Unknown row 'sfot'": ("baseline: soft", "baseline: sfot"),
    "Unknown row 'stee'": ("better: ste", "better: stee"),
    "row 'ste' must select one configuration, but selects 0.": ("gan.weight: 0.0", "gan.weight: 0.7"),
    "row 'ste' must select one configuration, but selects 2.": (", gan.weight: 0.0", ""),
    "rows 'soft' and 'ste' select the same configuration": ("estimator: ste,", "estimator: soft,"),
    "Unknown field 'gan.wight'": ("gan.weight: 0.0", "gan.wight: 0.0"),
    "sets 'seed', which is not a choice to compare": (GRID, '["seed=1,2"]'),
    "seeds must be distinct whole numbers": ("[0, 1]", "[0, 0]"),
    "Unknown metric 'fids'": ("name: demo", "name: demo\nmetric: fids"),
    "'optim.steps' has several values. Only a grid may vary a field": (
        "optim.steps=40, optim.lr=1e-3",
        '"optim.steps=1,2"',
    ),
    "is not YAML": ("name: demo", "name: [demo"),
    "must be a list or a mapping of key: value; got 'abc'": ("seeds: [0, 1]", "seeds: abc"),
    "must be a mapping": ("  - id: a", "  - a\n  - id: a"),
    "'execution.threads' in": (GRID, '["execution.threads=1,2"]'),
}


@pytest.mark.parametrize("message", WRONG_FILE)
def test_a_wrong_file_is_told_in_one_line_with_its_name(sweep_file, message):
    path = sweep_file(SWEEP, *WRONG_FILE[message])
    with pytest.raises(ConfigError) as caught:
        load_sweep(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "demo.yaml" in str(caught.value) or "profile=embedded" in str(caught.value)


OUTSIDE = [
    "38", "1.01", "-0.1", ".nan", ".inf", "-.inf", "1e999", "{overall: 43}", "{precision: 83}", "{recall: .nan}",
    "{fid: -1}", "{fid: .inf}", "{is: 0.5}", "{is: .nan}", "{kid: -.inf}", "{colors: 1.5}", "{counting: true}",
    '{fid: "6.9"}', "{kid: 1" + 400 * "0" + "}",
]  # fmt: skip


@pytest.mark.parametrize("number", OUTSIDE)
def test_a_published_number_is_on_the_scale_of_ours(sweep_file, number):
    path = sweep_file(SWEEP, "published: 0.38", f"published: {number}")
    with pytest.raises(
        ConfigError, match="demo.yaml, table 1, row 1.* must be (a number|from 0 to 1|finite)"
    ) as caught:
        load_sweep(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", ["0", "1", "0.38", "{fid: 0, is: 1, kid: -0.001, recall: 1}", "{fid: 91.35}"])
def test_a_published_number_at_the_end_of_its_scale_is_read(sweep_file, number):
    assert load_sweep(sweep_file(SWEEP, "published: 0.38", f"published: {number}"))


def test_a_missing_file_names_those_beside_it(sweep_file):
    path = sweep_file()
    with pytest.raises(ConfigError, match="No sweep file '.*demp.yaml'. Available: .*demo.yaml"):
        load_sweep(path.with_name("demp.yaml"))


@pytest.mark.parametrize("name", ["demo.yaml", "sweeps"])
def test_a_file_in_a_wrong_folder_names_those_in_sweeps(tmp_path, monkeypatch, name):
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "demo.yaml").write_text(SWEEP)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=f"No sweep file '{name}'. Available: sweeps/demo.yaml."):
        load_sweep(name)


def test_hydra_of_an_application_is_left_as_it_was():
    from hydra import initialize
    from hydra.core.global_hydra import GlobalHydra

    with initialize(version_base="1.3", config_path=None):
        theirs = GlobalHydra.instance().hydra
        assert compose(["seed=3"]).seed == 3
        assert GlobalHydra.instance().hydra is theirs


def test_the_grammar_is_hydras():
    texts = {override.key: override.texts for override in parse(["seed=range(0,3)", "estimator=choice(a,b)"], "here")}
    assert texts == {"seed": ("seed=0", "seed=1", "seed=2"), "estimator": ("estimator=a", "estimator=b")}


def test_a_sweep_is_read_without_torch(sweep_file):
    code = (
        "import sys; from fpd_bench.config.sweeps.spec import load_sweep; load_sweep(sys.argv[1]).runs(); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, sweep_file()], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_file_with_profiles_but_without_the_one_that_is_used_says_so(tmp_path):
    path = tmp_path / "typo.yaml"
    text = "profiles: {embeded: [optim.steps=7], paper: []}\ntables: [{id: a, grid: ['estimator=ste']}]\n"
    path.write_text(text)
    with pytest.raises(ConfigError, match="but not 'embedded', .* Is 'embeded' a typing error\\?") as told:
        load_sweep(path)
    assert str(path) in str(told.value) and "profile=embeded" in str(told.value)
    assert load_sweep(path, ["profile=embeded"]).cells[0].config.optim.steps == 7
    path.write_text(text.replace("embeded", "laptop"))
    with pytest.raises(ConfigError, match=r"has profiles \(laptop, paper\), but not 'embedded'"):
        load_sweep(path)


def test_a_grid_that_names_its_method_keeps_it_and_rows_without_a_choice_go(tmp_path):
    path = tmp_path / "methods.yaml"
    path.write_text(
        "tables:\n"
        "  - {id: a, grid: ['estimator=soft,ste'], rows: [{id: ste, where: {estimator: ste}}], baseline: ste}\n"
        "  - {id: b, grid: ['method=teacher', 'evaluation.teacher_steps=1,16']}\n"
    )
    first, second = load_sweep(path, ["method=dimo"]).tables
    assert [(row.label, cell.config.method) for row, cell in zip(first.rows, first.cells, strict=True)] == [
        ("method=dimo", "dimo")
    ]
    assert first.baseline is None and {cell.config.method for cell in second.cells} == {"teacher"}


def test_an_axis_that_its_own_grid_does_not_read_is_refused_with_its_name(tmp_path):
    path = tmp_path / "unread.yaml"
    path.write_text("tables: [{id: a, grid: ['method=dimo', 'drift.bandwidths=[0.1],[0.2]']}]\n")
    with pytest.raises(ConfigError, match=r"unread.yaml, table a: no configuration .* reads 'drift.bandwidths'"):
        load_sweep(path)


@pytest.mark.parametrize("seed", ["12345678901234567890", "-1", "9223372036854775808"])
def test_a_seed_that_the_index_cannot_hold_is_refused_before_work(seed, tmp_path):
    path = tmp_path / "seeds.yaml"
    path.write_text(f"seeds: [{seed}]\ntables: [{{id: a, grid: ['estimator=ste']}}]\n")
    with pytest.raises(ConfigError, match="seeds must be distinct whole numbers from 0 to 9223372036854775807"):
        load_sweep(path)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('evaluation.fidelity=""', ""),
        ("evaluation.fidelity=''", ""),
        ("drift.backbone='vit, small'", "vit, small"),
        ("drift.backbone=010", "010"),
        ("generator.variant=fp16", "fp16"),
        ("generator.source='a=b'", "a=b"),
    ],
)
def test_a_word_is_what_was_written_without_its_quotes(text, found):
    assert value(compose([text]), text.partition("=")[0]) == found


@pytest.mark.parametrize("text", ["optim.steps='5'", 'optim.lr="1e-3"', "drift.bandwidths=['1',2]"])
def test_a_quoted_number_where_a_number_is_meant_is_told_to_be_text(text):
    with pytest.raises(ConfigError, match="in quotes is text. Leave out the quotes."):
        compose([text])


def test_what_one_row_cannot_use_is_left_out_of_it_but_not_of_a_table_that_never_uses_it(tmp_path):
    path = tmp_path / "spaces.yaml"
    path.write_text(
        "name: spaces\ntables: [{id: a, grid: ['drift.space=feature,pixel'], rows: "
        "[{id: pixel, where: {drift.space: pixel}}, {id: feature, where: {drift.space: feature}}]}]"
    )
    cells = {cell.row_id: cell for cell in load_sweep(path, ["drift.backbone=shapes"]).cells}
    assert {row: cell.config.drift.backbone for row, cell in cells.items()} == {"pixel": "", "feature": "shapes"}
    plain = {cell.row_id: cell.run_id for cell in load_sweep(path).cells}
    assert cells["pixel"].run_id == plain["pixel"] and cells["feature"].run_id != plain["feature"]
    with pytest.raises(ConfigError, match="uses no backbone"):
        load_sweep(path, ["drift.backbone=shapes", "drift.space=pixel"])
