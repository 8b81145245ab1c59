"""The sweeps of this repository: the paper's rows, numbers and claims, and runs shared between its tables."""

from dataclasses import replace
from pathlib import Path

import pytest

from fpd_bench.assets.missing import provide
from fpd_bench.config.identity import trains
from fpd_bench.config.searches.search_file import is_search
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.errors import ConfigError
from fpd_bench.runs.execute.preflight import missing_files

SWEEPS = Path(__file__).parents[3] / "sweeps"


def require(path, *overrides):
    """Ask for the files of a sweep's runs, as `python -m fpd_bench.sweep` does before its first run."""
    provide(missing_files(load_sweep(path, overrides).runs().values()))


@pytest.fixture(scope="module")
def paper():
    return {
        name: {table.id: table for table in load_sweep(SWEEPS / f"{name}.yaml").tables} for name in ("table3", "table4")
    }


def test_thirteen_rows_have_the_papers_numbers(paper):
    numbers = {
        ("table3", "a"): {"soft": 0.38, "soft_gan": 0.42, "ste": 0.43, "ste_gan": 0.45},
        ("table3", "b"): {"random": 0.22, "student": 0.43},
        ("table4", "a"): {"pixel": 0.21, "feature_single": 0.41, "feature_multi": 0.43},
        ("table4", "b"): {"all_pooled": 0.34, "shallow": 0.35, "deep": 0.42, "all_grid": 0.43},
    }
    found = {key: {row.id: row.published for row in paper[key[0]][key[1]].rows} for key in numbers}
    assert found == numbers


def test_ten_runs_a_seed_fill_the_thirteen_rows(paper):
    tables = [paper["table3"]["a"], paper["table3"]["b"], paper["table4"]["a"], paper["table4"]["b"]]
    cells = [cell for table in tables for cell in table.cells if cell.seed == 0]
    assert (len(cells), len({cell.run_id for cell in cells})) == (13, 10)
    shared = {(cell.table_id, cell.row_id) for cell in cells if [c.run_id for c in cells].count(cell.run_id) == 4}
    assert shared == {("a", "ste"), ("b", "student"), ("a", "feature_multi"), ("b", "all_grid")}


def test_the_papers_claims_are_there(paper):
    claims = {(c.better, c.worse) for tables in paper.values() for table in tables.values() for c in table.claims}
    assert claims == {
        ("ste", "soft"), ("ste_gan", "soft_gan"), ("soft_gan", "soft"), ("ste_gan", "ste"), ("student", "random"),
        ("feature_multi", "pixel"), ("feature_multi", "feature_single"),
        ("all_grid", "all_pooled"), ("all_grid", "shallow"), ("all_grid", "deep"),
    }  # fmt: skip


def test_the_teacher_is_the_yardstick(paper):
    rows = {row.label: row.published for row in paper["table3"]["reference"].rows}
    assert rows == {"Teacher, 1 step": None, "Teacher, 16 steps": 0.48}


@pytest.mark.parametrize(
    "path", [p for p in sorted(SWEEPS.glob("*.yaml")) if not is_search(p)], ids=lambda path: path.stem
)
def test_every_sweep_expands(path):
    assert load_sweep(path).runs()


def test_the_paper_profile_says_what_it_lacks(monkeypatch):
    monkeypatch.delenv("FPD_WEIGHTS", raising=False)
    lacking = "Track 'maskgen' needs its published weights: FPD_WEIGHTS is not set. Download turkeyju"
    with pytest.raises(ConfigError, match=lacking):
        require(SWEEPS / "table3.yaml", "profile=paper")


PEERS = {"soft_dimo", "d_mmd", "idlm", "sdtt_4", "sdtt_1", "di4c", "di4c_d", "redi1", "redi2", "redi3_distill"}


def test_table_1_has_the_papers_fourteen_systems():
    table = load_sweep(SWEEPS / "table1.yaml").tables[0]
    overall = [row.published for row in table.rows if row.published is not None]
    assert overall == [0.37, 0.52, 0.55, 0.48, 0.33, 0.36, 0.48, 0.5, 0.27, 0.51, 0.55, 0.55, 0.42, 0.45]
    numbers = {row.id: row.numbers for row in table.rows}
    assert numbers["maskgen_fpd"] == {
        "single_object": 0.96, "two_object": 0.36, "counting": 0.43, "colors": 0.76, "position": 0.09,
        "color_attr": 0.09, "overall": 0.45,
    }  # fmt: skip
    measured = {cell.row_id for cell in table.cells}
    teachers = {"maskgen", "teacher_8", "teacher_4", "teacher_2", "teacher_1"}
    assert measured == {*teachers, "maskgen_dimo", "maskgen_fpd", *PEERS}
    fpd = next(cell.config for cell in table.cells if cell.row_id == "maskgen_fpd")
    as_in_table_3 = replace(fpd, optim=replace(fpd.optim, lr=5e-4))  # each method of Table 1 has its own rate
    assert as_in_table_3 in [cell.config for cell in load_sweep(SWEEPS / "table3.yaml").cells]


def test_table_1_on_paper_measures_every_system_with_public_weights():
    table = load_sweep(SWEEPS / "table1.yaml", ["profile=paper", "seeds=[0]"]).tables[0]
    pipelines = {cell.row_id: cell.config.generator for cell in table.cells if cell.config.method == "diffusers"}
    opened = "ldm sdxl instaflow sid_lsg rg_lcm_hps tdm sdxl_lcm_1 sdxl_lcm_4 sdxl_turbo sdxl_dmd2"
    assert set(pipelines) == set(opened.split())
    assert (pipelines["sdxl_dmd2"].timesteps, pipelines["sdxl_turbo"].guidance) == ([399], 0.0)
    without = {row.id for row in table.rows} - {cell.row_id for cell in table.cells}
    assert without == {"dalle2"}


def test_table_2_has_the_papers_thirteen_rows():
    table = load_sweep(SWEEPS / "table2.yaml", ["profile=paper", "seeds=[0]"]).tables[0]
    fid = [6.6, 6.66, 10.73, 91.35, 8.97, 90.4, 6.79, 6.57, 7.58, 7.86, 11.68, 6.91, 6.9]
    assert [row.published for row in table.rows if row.published is not None] == fid
    assert all("Numbers from" in row.shown for row in table.rows if row.published is not None)
    assert {row.id: row.numbers for row in table.rows}["fpd"] == {
        "fid": 6.9,
        "is": 215,
        "precision": 0.81,
        "recall": 0.35,
    }
    teachers = {"maskgit_16", "maskgit_8", "maskgit_4", "maskgit_2"}
    assert {cell.row_id for cell in table.cells} == {*teachers, "dimo", "fpd", *PEERS}
    assert all(cell.config.evaluation.images_per_prompt == 50 for cell in table.cells)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_the_paper_profile_is_made_for_a_gpu_and_says_which_length_is_ours(number):
    path, asked = SWEEPS / f"table{number}.yaml", ["profile=paper", "seeds=[0]"]
    found = load_sweep(path, asked).runs()
    assert all(one.execution.device == "cuda" and one.execution.activation_checkpointing for one in found.values())
    trained = [config for config in found.values() if trains(config)]
    assert trained and {(config.optim.steps, config.refine.sampling) for config in trained} == {(1000, "categorical")}
    assert "- optim.steps=1000 # ours: the paper does not say" in path.read_text()
    assert set(load_sweep(path, [*asked, "execution.device=cpu"]).runs()) == set(found)


@pytest.mark.parametrize("profile", ["embedded", "paper"])
def test_table_2_measures_each_published_row_in_its_number_of_steps(profile):
    table = load_sweep(SWEEPS / "table2.yaml", [f"profile={profile}", "seeds=[0]"]).tables[0]
    rows = {cell.row_id: cell.config for cell in table.cells}
    steps = {
        name: rows[name].evaluation.student_steps for name in ("sdtt_4", "sdtt_1", "di4c", "redi2", "redi3_distill")
    }
    assert steps == {"sdtt_4": 4, "sdtt_1": 1, "di4c": 4, "redi2": 4, "redi3_distill": 1}
    assert rows["redi1"].plugin["redi"].until == "redi1" and rows["idlm"].plugin["d_mmd"].idlm
    assert all((rows[name].start.r_init, rows[name].start.masks) == (0.3, "independent") for name in ("redi1", "redi2"))
    assert rows["sdtt_1"].start.r_init == rows["di4c"].start.r_init == 1


@pytest.mark.parametrize("number", [1, 2])
def test_dimo_has_its_own_published_settings_and_fpd_its_own(number):
    """A row of Di[M]O at FPD's settings would be no fair comparison."""
    found = load_sweep(SWEEPS / f"table{number}.yaml", ["profile=paper", "seeds=[0]"]).runs().values()
    (dimo,), (fpd,) = ([one for one in found if one.method == method] for method in ("dimo", "fpd"))
    assert (dimo.dimo.aux_lr, dimo.optim.lr, dimo.optim.betas, dimo.optim.ema) == (1e-5, 1e-5, [0.9, 0.999], 0.9999)
    assert (dimo.optim.schedule, dimo.optim.warmup, dimo.dimo.fixed_embeddings) == ("constant", 100, True)
    assert (dimo.start.r_init, dimo.start.embedding_noise, dimo.refine.guidance) == (0.6, 0.1, 1.0)
    assert (fpd.start.r_init, fpd.start.embedding_noise, fpd.optim.lr) == (0.95, 0.0, 1e-5)
    assert dimo.optim.batch == fpd.optim.batch and dimo.optim.steps == fpd.optim.steps


@pytest.mark.parametrize(("number", "fpd"), [(1, "maskgen_fpd"), (2, "fpd")])
def test_tables_1_and_2_compare_every_row_with_fpd_at_five_seeds(number, fpd):
    """A claim is planned with five seeds at least, and a peer that beats FPD shows in its own line."""
    sweep = load_sweep(SWEEPS / f"table{number}.yaml")
    (table,) = sweep.tables
    assert table.baseline == table.budget_of == fpd
    seeds = {row.id: {cell.seed for cell in table.cells if cell.row_id == row.id} for row in table.rows if row.where}
    assert len(sweep.seeds) >= 5 and set(map(frozenset, seeds.values())) == {frozenset(sweep.seeds)}
    published = {row.id for row in table.rows if row.where is None}
    assert all(row.published is not None for row in table.rows if row.id in published)
    assert len(table.claims) == {1: 4, 2: 6}[number]
    assert [claim.margin for claim in table.claims if claim.margin] == {1: [], 2: [0.09]}[number]


MINE = """\
name: mine
metric: overall
seeds: [0]
profiles: {embedded: [track.name=maskgen]}
tables:
  - id: a
    grid: ["method=folder", "generator.source=FOLDER"]
    rows: [{id: mine, label: "Mine", where: {generator.source: FOLDER}}]
"""


def test_images_from_elsewhere_need_the_scorers_weights_only(tmp_path, monkeypatch):
    images, weights = tmp_path / "images", tmp_path / "weights"
    for file in ("images/a.png", *(f"weights/{name}" for name in SCORER)):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    monkeypatch.setenv("FPD_WEIGHTS", str(weights))
    (tmp_path / "mine.yaml").write_text(MINE.replace("FOLDER", str(images)))
    require(tmp_path / "mine.yaml")
    (weights / SCORER[0]).unlink()
    with pytest.raises(ConfigError) as told:
        require(tmp_path / "mine.yaml")
    assert str(told.value).startswith("method=folder on track 'maskgen' is scored with facebook/mask2former-swin-small")
    assert f"{weights / SCORER[0]} is missing. Run: hf download facebook/mask2former" in str(told.value)


@pytest.mark.parametrize(
    ("track", "metric", "scorer", "get"),
    [
        (
            "maskgen",
            "overall",
            "facebook/mask2former-swin-small-coco-instance, timm/vit_large_patch14_clip_224.openai",
            "hf downl",
        ),
        ("maskgit", "fid", "ADM's reference", "curl -o WEIGHTS/VIRTUAL_imagenet256_labeled.npz"),
    ],
)
def test_without_weights_images_from_elsewhere_name_their_scorers_only(
    tmp_path, monkeypatch, track, metric, scorer, get
):
    monkeypatch.delenv("FPD_WEIGHTS", raising=False)
    (tmp_path / "mine.yaml").write_text(MINE.replace("FOLDER", str(tmp_path)).replace("overall", metric))
    with pytest.raises(ConfigError) as told:
        require(tmp_path / "mine.yaml", f"track.name={track}")
    message = str(told.value)
    assert message.startswith(f"method=folder on track '{track}' is scored with {scorer}")
    assert "FPD_WEIGHTS is not set. Run: " + get in message and " ; then export FPD_WEIGHTS=WEIGHTS" in message
    assert not any(name in message for name in ("turkeyju", "llvictorll", "dinov3"))


SCORER = (
    "mask2former-swin-small-coco-instance/model.safetensors",
    "mask2former-swin-small-coco-instance/config.json",
    "vit_large_patch14_clip_224.openai/open_clip_model.safetensors",
)
