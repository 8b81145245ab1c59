"""A suite answered by a run: its images drawn, scored one by one, measured together, all of it resumable."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from torch import nn

from fpd_bench.bench import Images, Item, Score, Suite
from fpd_bench.config.schema import RunConfig
from fpd_bench.errors import Interrupted, RunError
from fpd_bench.runs.folder import image_shards, sealed
from fpd_bench.runs.folder.failures import check_space
from fpd_bench.runs.folder.rundir import Row, RunDir
from fpd_bench.runs.perform.loaded_tracks import ImageSource
from fpd_bench.runs.perform.recorder import RunRecorder


def answer_suite(
    run: RunDir, config: RunConfig, source: ImageSource, student: nn.Module | None, suite: Suite, recorder: RunRecorder
) -> None:
    """Draw the suite's images and score them, as far as that is not done."""
    if not is_usable(run.samples(suite.name), recorder):
        with stage(recorder, "sample"):
            _sample(run, config, source, student, suite, recorder)
    shutil.rmtree(run.shards(suite.name), ignore_errors=True)  # if killed between the whole and their removal
    if not is_usable(run.evaluation(suite.name), recorder):
        with stage(recorder, "evaluate"):
            scored = _score(run, suite, recorder)
            measured = _measure(run, config, source, suite, recorder)
            differing = _diversity(run, config, suite, recorder)
            recorder.keep_claim()
            run.finish_evaluation(suite.name, [*scored, *measured, *differing])


def is_usable(path: Path, recorder: RunRecorder) -> bool:
    """Say whether a stage's file is there as it was written; else it is made again, from what an earlier stage
    wrote.
    """
    trouble = sealed.trouble(path)
    if trouble and path.exists():
        recorder.event("warning", message=f"{path.parent.name}/{path.name} {trouble}; it is made again")
    return not trouble


def _sample(
    run: RunDir, config: RunConfig, source: ImageSource, student: nn.Module | None, suite: Suite, recorder: RunRecorder
) -> None:
    """Draw images uint8 [items, replicates, H, W, 3], in shards first: a killed sampling goes on behind its last
    one.
    """
    from fpd_bench.runs.perform.suite_images import BATCH

    replicates, folder = config.evaluation.images_per_prompt, run.shards(suite.name)
    total = len(suite.items) * replicates
    if not total:
        raise RunError(f"suite '{suite.name}' of track '{config.track.name}' has no items to draw")
    drawn = image_shards.count_kept(folder, BATCH, total, lambda message: recorder.event("warning", message=message))
    shard: list[Images] = []
    for image in _draw_images(config, source, student, suite, drawn):
        shard.append(image)
        if drawn + len(shard) < total and len(shard) < BATCH:
            continue
        check_space(run.path, shard[0].nbytes * len(shard))
        recorder.keep_claim()
        image_shards.save_shard(folder, drawn, np.stack(shard))
        drawn, shard = drawn + len(shard), []
        recorder.progress(drawn, total)
        _stop_if_asked(recorder, "sampling")
    recorder.keep_claim()
    check_space(run.path, sum(path.stat().st_size for path in folder.glob("*.npy")))
    image_shards.join_shards(folder, run.samples(suite.name), len(suite.items), replicates, BATCH)


def _draw_images(
    config: RunConfig, source: ImageSource, student: nn.Module | None, suite: Suite, begin: int
) -> Iterator[Images]:
    """Give the suite's images uint8 [H, W, 3] in order, without the first `begin`."""
    from fpd_bench.runs.perform.suite_images import run_images

    replicates = config.evaluation.images_per_prompt
    if source.generator:
        yield from source.generator.images(suite, replicates, begin)
    elif source.track:
        for _, _, image in run_images(config, source.track, student, suite, replicates, begin):
            yield image


def _measure(run: RunDir, config: RunConfig, source: ImageSource, suite: Suite, recorder: RunRecorder) -> list[Row]:
    """Measure all images together: the suite's own, or those that evaluation.fidelity asks for."""
    measure = suite.measure
    if config.evaluation.fidelity:
        from fpd_bench.evals.fidelity.suites import against_real_images

        measure = against_real_images(config.evaluation.fidelity, source.judge)

    def progress(done: int, total: int) -> None:
        recorder.progress(done, total)
        _stop_if_asked(recorder, "evaluation")

    return measure(run.samples(suite.name), config.execution.device, progress) if measure else []


def _diversity(run: RunDir, config: RunConfig, suite: Suite, recorder: RunRecorder) -> list[Row]:
    """Measure how much the pictures of an item differ; [] for one picture each, and where the suite does not say."""
    if suite.diversity is None or config.evaluation.images_per_prompt < 2:
        return []

    def items() -> Iterator[Images]:
        for n, images in enumerate(image_shards.images_by_item(run.samples(suite.name)), 1):
            yield images
            recorder.progress(n, len(suite.items))
            _stop_if_asked(recorder, "evaluation")

    return suite.diversity(items())


def _score(run: RunDir, suite: Suite, recorder: RunRecorder) -> list[Row]:
    """Score item by item, from where the last attempt stopped; [] if an image by itself has no score."""
    if suite.score is None:
        return []
    rows = {(row["item"], row["replicate"]): row for row in run.partial_scores(suite.name)}
    ordered: list[tuple[str, int]] = []
    waiting: list[tuple[Item, Images]] = []  # items that go to the scorer together
    for n, (item, pixels) in enumerate(
        zip(suite.items, image_shards.images_by_item(run.samples(suite.name)), strict=True), 1
    ):
        keys = [(item.id, replicate) for replicate in range(len(pixels))]
        ordered += keys
        if any(key not in rows for key in keys):  # all again: an item's images are scored as one batch
            waiting.append((item, pixels))
        if waiting and (len(waiting) * len(pixels) >= suite.together or n == len(suite.items)):
            for row in _scored(suite.score, waiting):
                rows[row["item"], row["replicate"]] = row
                run.append_score(suite.name, row)
            waiting = []
        recorder.progress(n - len(waiting), len(suite.items))
        _stop_if_asked(recorder, "evaluation")
    return [rows[key] for key in ordered]


def _scored(score: Score, waiting: list[tuple[Item, Images]]) -> Iterator[Row]:
    """Give a row for each image of some items, all scored by one call."""
    names = [(item, replicate) for item, pixels in waiting for replicate in range(len(pixels))]
    records = score(np.concatenate([pixels for _, pixels in waiting]), [item for item, _ in names])
    for (item, replicate), record in zip(names, records, strict=True):
        row = {"item": item.id, "replicate": replicate, "task": record["task"], "prompt": item.prompt}
        yield row | {"score": float(record["score"]), "detail": record["detail"]}


@contextmanager
def stage(recorder: RunRecorder, name: str) -> Iterator[None]:
    """Note that the stage called `name` has begun, and how long it took."""
    recorder.enter(name)
    began = time.monotonic()
    yield
    recorder.event("stage_finished", stage=name, seconds=round(time.monotonic() - began, 3))


def _stop_if_asked(recorder: RunRecorder, doing: str) -> None:
    if recorder.should_stop():
        raise Interrupted(f"stopped during {doing}; the same command continues")
