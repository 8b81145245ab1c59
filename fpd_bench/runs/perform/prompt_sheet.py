"""Images for any prompts from a trained student or from a teacher, and the sheet that shows them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from safetensors import SafetensorError
from torch import nn

from fpd_bench.bench import Images, Item, Suite, Track
from fpd_bench.config.availability import require_files
from fpd_bench.config.check import check
from fpd_bench.config.identity import generated, trains
from fpd_bench.config.schema import EvaluationConfig, RunConfig, TrackConfig
from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.records import layout
from fpd_bench.registry import TEACHER
from fpd_bench.runs.folder import sealed
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.perform.stages import Bench, student_of
from fpd_bench.runs.perform.suite_images import run_images
from fpd_bench.runs.watch.state import state_of

SUITE = "prompts"  # part of the noise's key: a prompt has the same noise whatever is asked for beside it
GAP = 4  # px between images, and around the sheet
LETTERS = 14  # px, height of a title's letters


@dataclass(frozen=True)
class SheetSource:
    """What images come from. student None: the track's teacher, with config.evaluation.teacher_steps steps."""

    config: RunConfig
    track: Track
    student: nn.Module | None


def open_teacher(track: str, preset: str, steps: int) -> SheetSource:
    """Open a track's teacher. Raises ConfigError for unknown names, AssetError for a preset that is not built."""
    evaluation = EvaluationConfig(teacher_steps=steps)
    config = RunConfig(track=TrackConfig(track, preset), method=TEACHER, evaluation=evaluation)
    check(config)
    require_files(config)
    return SheetSource(config, Bench().track(config), None)


def open_student(run: RunDir) -> SheetSource:
    """Open the student of a run, or the teacher that the run is about.

    Raises ConfigError if there is no student yet, AssetError if its file is not what the run wrote.
    """
    config = run.config()
    if not trains(config) and not generated(config):
        return SheetSource(config, Bench().track(config), None)
    if generated(config):
        raise ConfigError(f"Run {run.run_id} trained no student: its images come from method={config.method}.")
    if not run.student.is_file():
        raise ConfigError(_no_student_message(run))
    vouched = (layout.vouched_files(run.done() or {}) or {}).get(layout.STUDENT) or sealed.noted_hash(run.student)
    if vouched and layout.sha256(run.student) != vouched:
        raise AssetError(f"{run.student} is no longer what run {run.run_id} wrote. Restore it, or train the run again.")
    track = Bench().track(config)
    try:
        return SheetSource(config, track, student_of(run, config, track))
    except (SafetensorError, RuntimeError) as error:
        raise AssetError(f"{run.student} holds no student of track '{config.track.name}': {error}") from None


def _no_student_message(run: RunDir) -> str:
    state = state_of(run)
    reached = f" at step {state.step} of {state.steps}" if state.steps else ""
    if state.state == "done":
        return f"Run {run.run_id} has no student here: its folder was made from the evidence of a report."
    continued = "" if state.state == "diverged" else " The command that started the run continues it."
    return (
        f"Run {run.run_id} has no trained student: it is {state.state}{reached}.{continued} "
        f"See: python -m fpd_bench.status {run.run_id} --results {run.path.parent.parent}"
    )


def draw_prompts(source: SheetSource, prompts: Sequence[str], n: int, seed: int) -> Images:
    """Draw images uint8 [prompts, n, H, W, 3]. Raises ConfigError for a prompt that the track cannot say."""
    items = tuple(Item(prompt, prompt, {}) for prompt in prompts)
    suite = Suite(SUITE, items, source.track.condition(prompts), _unscored)
    config = replace(source.config, seed=seed)
    images = [image for _, _, image in run_images(config, source.track, source.student, suite, n)]
    return np.stack(images).reshape(len(items), n, *images[0].shape)


def _unscored(images: Images, items: list[Item]) -> list[dict[str, Any]]:
    raise NotImplementedError("these images are looked at, not scored")


def lay_out_sheet(prompts: Sequence[str], images: Images, scale: int) -> Image.Image:
    """Lay out one row per prompt under its text; images uint8 [prompts, n, H, W, 3], each pixel scale x scale on the
    sheet.
    """
    rows, columns, height, width, _ = images.shape
    cell = (width * scale + GAP, height * scale + GAP)
    font = ImageFont.load_default(LETTERS)
    title = LETTERS + 2 * GAP
    text = max(int(font.getlength(prompt)) for prompt in prompts) + 2 * GAP
    page = Image.new("RGB", (max(GAP + columns * cell[0], text), GAP + rows * (title + cell[1])), "white")
    pen = ImageDraw.Draw(page)
    for row, prompt in enumerate(prompts):
        top = GAP + row * (title + cell[1])
        pen.text((GAP, top), prompt, fill="black", font=font)
        for column in range(columns):
            big = np.kron(images[row, column], np.ones((scale, scale, 1), dtype=np.uint8))
            page.paste(Image.fromarray(big), (GAP + column * cell[0], top + title))
    return page
