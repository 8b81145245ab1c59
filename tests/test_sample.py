"""python -m fpd_bench.sample: pictures of any prompt from a run or a teacher, and what it says when it cannot."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from fpd_bench import sample
from fpd_bench.config.compose import compose
from fpd_bench.registry import tracks
from fpd_bench.runs.folder.rundir import RunDir

ROOT = Path(__file__).parents[1]
OVERRIDES = ["track.preset=coarse", "drift.space=pixel", "drift.blocks=[]", "drift.grid=2", "optim.steps=2"]


@pytest.fixture
def results(small_track, monkeypatch, tmp_path):
    """An empty results folder; the shapes track of this process is the small one."""
    tracks.get("shapes")
    monkeypatch.setitem(tracks._entries, "shapes", lambda preset: small_track)
    return tmp_path / "results"


@pytest.fixture
def run(results, small_track):
    """A run with a student, as training leaves it."""
    from safetensors.torch import save_file

    run = RunDir.create(results, compose(OVERRIDES))
    weights = small_track.new_student().state_dict()
    save_file(weights | {f"raw.{name}": value.clone() for name, value in weights.items()}, run.student)
    run.finish("done")
    return run


def call(capsys, *arguments):
    code = sample.main([str(argument) for argument in arguments])
    told = capsys.readouterr()
    return code, told.out.strip(), told.err


def test_a_run_draws_a_row_per_prompt(run, results, capsys):
    prompts = ["a photo of a red circle and a blue square", "a photo of three rings"]
    code, out, err = call(capsys, run.run_id[:5], *prompts, "--n", 3, "--scale", 2, "--results", results)
    assert (code, err) == (0, "")
    assert out == str(results / "pictures" / f"{run.run_id}_seed0.png")
    with Image.open(out) as picture:
        assert picture.width >= 3 * 32 * 2 and picture.height >= 2 * 32 * 2
        assert len(picture.getcolors(100_000)) > 5


def test_a_prompt_has_the_same_noise_whatever_is_asked_for_beside_it(run, results):
    import numpy as np

    from fpd_bench.runs.perform.prompt_sheet import draw_prompts, open_student

    source, prompt = open_student(run), "a photo of a ring"
    alone = draw_prompts(source, [prompt], 2, seed=3)
    beside = draw_prompts(source, ["a photo of three rings", prompt], 2, seed=3)
    assert np.array_equal(beside[1], alone[0])
    assert not np.array_equal(draw_prompts(source, [prompt], 2, seed=4), alone)


def test_every_pixel_is_enlarged_as_it_is(run, results):
    import numpy as np

    from fpd_bench.runs.perform.prompt_sheet import GAP, LETTERS, lay_out_sheet

    images = np.random.default_rng(0).integers(256, size=(1, 2, 4, 4, 3), dtype=np.uint8)
    page = np.asarray(lay_out_sheet(["a photo of a ring"], images, 3))
    top, left = GAP + LETTERS + 2 * GAP, GAP + 4 * 3 + GAP
    assert (page[top : top + 12 : 3, left : left + 12 : 3] == images[0, 1]).all()


def test_the_teacher_draws_too(results, capsys):
    out = results / "deep" / "t.png"
    arguments = ["teacher", "a photo of a ring", "--preset", "coarse", "--steps", 2, "--n", 1, "--out", out]
    assert call(capsys, *arguments, "--results", results) == (0, str(out), "")
    assert out.exists()


WRONG = {
    "Prompt 'a photo of a zebra': unknown word 'zebra'": ["RUN", "a photo of a zebra"],
    "0 of 1 runs in '{results}' begin with 'zzz'. See which there are: python -m fpd_bench.status": ["zzz", "x"],
    "--n must be 1 or more; got 0.": ["RUN", "x", "--n", "0"],
    "--out must end in .png; got 'x.jpg'.": ["RUN", "x", "--out", "x.jpg"],
    "--steps can only be used when RUN is 'teacher'": ["RUN", "x", "--steps", "4"],
    "Unknown preset of track shapes 'coarze'. Did you mean 'coarse'?": ["teacher", "x", "--preset", "coarze"],
    "Cannot write '/proc/none/x.png'": ["RUN", "a photo of a ring", "--out", "/proc/none/x.png"],
}


@pytest.mark.parametrize("message", WRONG)
def test_a_mistake_is_one_line_and_exit_code_2(run, results, capsys, message):
    arguments = [run.run_id if argument == "RUN" else argument for argument in WRONG[message]]
    code, out, err = call(capsys, *arguments, "--results", results)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message.format(results=results) in err
    assert not (results / "pictures").exists() or list((results / "pictures").iterdir()) == []


def test_the_closest_runs_are_named(run, results, capsys):
    _, _, err = call(capsys, run.run_id[:-1] + "z", "x", "--results", results)
    assert f"Closest: {run.run_id}." in err


def test_an_unfinished_run_says_where_it_stands(results, capsys):
    run = RunDir.create(results, compose(OVERRIDES))
    code, _, err = call(capsys, run.run_id, "a photo of a ring", "--results", results)
    assert code == 2 and f"Run {run.run_id} has no trained student: it is planned." in err
    run.finish("diverged")
    code, _, err = call(capsys, run.run_id, "a photo of a ring", "--results", results)
    assert code == 2 and "it is diverged. See: python -m fpd_bench.status" in err


def test_a_damaged_student_is_refused(run, results, capsys):
    run.student.write_bytes(run.student.read_bytes()[:-8])
    code, _, err = call(capsys, run.run_id, "a photo of a ring", "--results", results)
    assert code == 2 and "is no longer what run" in err


@pytest.mark.parametrize(("track", "prompt", "told"), [
    ("shapes", "a photo of a zebra", "unknown word 'zebra'"), ("digits", "eleven", "is not a digit"),
])  # fmt: skip
def test_a_prompt_that_the_track_cannot_read_is_refused_before_torch(track, prompt, told, tmp_path):
    run = RunDir.create(tmp_path, compose([f"track.name={track}"]))
    code = "import sys, fpd_bench.sample as door; print(door.main(sys.argv[1:]), 'torch' in sys.modules)"
    for who in ("teacher", "--track", track), (run.run_id,):
        words = [*who, prompt, "--results", str(tmp_path)]
        done = subprocess.run(
            [sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert done.stdout == "2 False\n" and told in done.stderr


def test_help_and_mistakes_need_no_torch(tmp_path):
    code = (
        "import sys, fpd_bench.sample as door\n"
        "for arguments in (['--help'], ['abc'], ['abc', 'x', '--n', 'many']):\n"
        "    try: door.main(arguments)\n"
        "    except SystemExit as error: print(error.code)\n"
        f"print(door.main(['abc', 'x', '--results', {str(tmp_path)!r}]), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[-3:] == ["2", "2", "2 False"], done.stderr
