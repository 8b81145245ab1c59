"""Score an image folder: in batches, resumable at the image, in shards; and score stored detections again."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.evals.geneval import manifest as manifests
from fpd_bench.evals.geneval import results
from fpd_bench.evals.geneval.detectors import Backend, Colours, Image, Seen, known_colours
from fpd_bench.evals.geneval.folder import Picture, check_complete
from fpd_bench.evals.geneval.manifest import FLOOR, Manifest
from fpd_bench.evals.geneval.prompts import Row
from fpd_bench.evals.geneval.scoring import ColourClassifier, Detection, Options, evaluate_image


def shard_of(pictures: Sequence[Picture], shard: str) -> list[Picture]:
    """The share "i/n" (i from 1) of the pictures: whole prompts, dealt out in turn. Raises ConfigError."""
    part, _, parts = shard.partition("/")
    if not (part.isdigit() and parts.isdigit() and 1 <= int(part) <= int(parts)):
        raise ConfigError(f"A shard is written i/n with 1 <= i <= n, for example 1/4; got '{shard}'.")
    folders = list(dict.fromkeys(picture.path.parent for picture in pictures))
    mine = set(folders[int(part) - 1 :: int(parts)])
    return [picture for picture in pictures if picture.path.parent in mine]


def score_folder(
    pictures: Sequence[Picture],
    detector: Backend,
    out: Path,
    manifest: Manifest,
    *,
    colours: Colours | None = None,
    batch: int = 8,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Append a line to `out` for every picture that has none yet; returns how many were scored now.

    Raises ConfigError if `out` was made with other settings or a scored picture has changed since.
    """
    manifests.claim(out, manifest)
    done = {row["filename"]: row for row in results.read(out)} if out.exists() else {}
    _check_unchanged(pictures, done)
    todo = [picture for picture in pictures if picture.name not in done]
    handle = results.open_to_append(out)
    try:
        for start in range(0, len(todo), batch):
            chunk = todo[start : start + batch]
            images = [picture.pixels() for picture in chunk]
            for picture, image, seen in zip(chunk, images, detector.see(images, [p.name for p in chunk]), strict=True):
                results.append(handle, _score(picture, image, seen, colours, manifest))
            done.update((picture.name, {}) for picture in chunk)
            progress(len(done), len(pictures))
    finally:
        os.close(handle)
    return len(todo)


def rescore(source: Path, out: Path, options: Options) -> list[results.Result]:
    """Judge stored detections again with other options; writes `out` and returns its rows.

    Raises ConfigError for thresholds below what was stored, and for colours that were never asked for.
    """
    if out.resolve() == source.resolve():
        raise ConfigError(f"Rescoring would overwrite {source}; choose another --out.")
    manifest = manifests.read(source)
    rows = []
    for row in results.read(source):
        metadata = json.loads(row["metadata"])
        _check_floor(row, metadata.get("tag", ""), options, manifest)
        seen = results.seen_in(row)
        verdict = evaluate_image(seen.detections, metadata, known_colours(seen.colours or {}), options)
        rows.append({**row, **results.verdict_columns(row["filename"], metadata, verdict)})
    results.write(out, rows)
    if manifest:
        manifests.write(out, {**manifest, "options": asdict(options)})
    return rows


def merge(sources: Iterable[Path]) -> list[results.Result]:
    """The rows of one file in its order, or of several shards by image name. Raises ConfigError if they disagree."""
    files = list(sources)
    made = {path: manifests.read(path) for path in files}
    for path in files[1:]:
        manifests.require_same(made[files[0]], made[path], f"{files[0]} and {path}")
    rows = [row for path in files for row in results.read(path)]
    double = [name for name, n in Counter(row["filename"] for row in rows).items() if n > 1]
    if double:
        raise ConfigError(f"{len(double)} images are scored twice, for example {double[0]}. Name each file once.")
    return rows if len(files) == 1 else sorted(rows, key=lambda row: row["filename"])


def check_results(rows: Sequence[results.Result], suite: Sequence[Row], images_per_prompt: int, partial: bool) -> None:
    """Raise ConfigError unless the results cover the suite (see folder.check_complete)."""
    counts = Counter(json.dumps(json.loads(row["metadata"])) for row in rows)
    check_complete(counts, suite, images_per_prompt, "The results file", partial=partial)


def _score(picture: Picture, image: Image, seen: Seen, colours: Colours | None, manifest: Manifest) -> results.Result:
    answers = dict(seen.colours or {})
    classify: ColourClassifier = known_colours(answers)
    if colours is not None:
        answers = {}
        classify = _remember(colours.for_image(image), answers)
    verdict = evaluate_image(seen.detections, picture.row, classify, manifest.options)
    return results.result(picture, verdict, seen, answers, manifest.floor)


def _remember(classify: ColourClassifier, answers: dict[bytes, str]) -> ColourClassifier:
    """The same classifier, which also notes its answers."""

    def noting(detections: Sequence[Detection], name: str) -> Sequence[str]:
        named = classify(detections, name)
        answers.update((box.tobytes(), colour) for (box, _), colour in zip(detections, named, strict=True))
        return named

    return noting


def _check_unchanged(pictures: Sequence[Picture], done: dict[str, results.Result]) -> None:
    for picture in pictures:
        stored = done.get(picture.name, {}).get("image_sha256")
        if stored and stored != results.sha256(picture.path):
            raise ConfigError(f"{picture.path} has changed since it was scored. Choose another --out.")


def _check_floor(row: results.Result, tag: str, options: Options, manifest: dict[str, Any] | None) -> None:
    """Raise ConfigError if `options` would count detections that the row no longer has."""
    wanted = options.counting_threshold if tag == "counting" else options.threshold
    if "detections" in row:
        floor = (manifest or {}).get("floor", FLOOR)
    else:
        used = (manifest or {}).get("options", asdict(Options()))
        floor = used["counting_threshold"] if tag == "counting" else used["threshold"]
    if wanted < floor:
        raise AssetError(
            f"{row['filename']} has no stored detections between {wanted} and {floor}. Use a threshold of at least "
            f"{floor} for task {tag}, or score the images again."
        )
