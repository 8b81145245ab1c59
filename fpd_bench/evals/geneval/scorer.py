"""Score an image folder: in batches, resumable at the image, in shards; and score stored detections again."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path

from fpd_bench.errors import ConfigError
from fpd_bench.evals.geneval import results_file
from fpd_bench.evals.geneval import results_manifest as manifests
from fpd_bench.evals.geneval.detectors import Answers, Backend, Colours, Image, Seen, key_of, known_colours
from fpd_bench.evals.geneval.folder import Picture, check_complete
from fpd_bench.evals.geneval.prompt_grammar import Row
from fpd_bench.evals.geneval.prompt_rows import as_row, key
from fpd_bench.evals.geneval.results_manifest import Manifest
from fpd_bench.evals.geneval.scoring import ColourClassifier, Detection, Options, evaluate_image
from fpd_bench.evals.geneval.stored import require_floor, seen_in
from fpd_bench.files.text import parse

UNMASKED = (
    "The detections have no masks, so CLIP is shown whole boxes, where GenEval shows objects on grey. Colours "
    "may differ."
)


def shard_of(pictures: Sequence[Picture], shard: str) -> list[Picture]:
    """Take the share "i/n" (i from 1) of the pictures: whole prompts, dealt out in turn. Raises ConfigError."""
    index, _, count = shard.partition("/")
    if not (index.isdigit() and count.isdigit() and 1 <= int(index) <= int(count)):
        raise ConfigError(f"A shard is written i/n with 1 <= i <= n, for example 1/4; got '{shard}'.")
    folders = list(dict.fromkeys(picture.path.parent for picture in pictures))
    mine = set(folders[int(index) - 1 :: int(count)])
    return [picture for picture in pictures if picture.path.parent in mine]


def shard_file(out: Path, shard: str) -> Path:
    """Say where a shard's results go: results.jsonl -> results.2-of-4.jsonl; `out` itself for the whole."""
    if shard == "1/1":
        return out
    stem = out.name.removesuffix(".jsonl")  # any other ending belongs to the name: a.v1 and a.v2 are two files
    return out.with_name(f"{stem}.{shard.replace('/', '-of-')}.jsonl")


def score_folder(
    pictures: Sequence[Picture],
    detector: Backend,
    out: Path,
    manifest: Manifest,
    *,
    colours: Colours | None = None,
    batch: int = 8,
    progress: Callable[[int, int], None] = lambda done, total: None,
    warn: Callable[[str], None] = lambda words: None,
) -> int:
    """Append a line to `out` for every picture that has none yet; returns how many were scored now.

    progress(done, total): after each batch; warn: called once if CLIP judges boxes without masks.
    Raises ConfigError if `out` was made with other settings or a scored picture has changed since.
    """
    done = {row["filename"]: row for row in results_file.read(out)} if out.exists() else {}
    manifests.require_ours(out, manifest, len(done))
    _check_unchanged(pictures, done)
    todo = [picture for picture in pictures if picture.name not in done]
    rows = _scored(todo, detector, colours, manifest, batch, lambda n: progress(len(done) + n, len(pictures)), warn)
    first = next(rows, None)  # what fails before the first row leaves no file behind
    manifests.write(out, manifest.as_dict())
    handle = results_file.open_to_append(out)
    try:
        for row in chain([] if first is None else [first], rows):
            results_file.append(handle, row)
    finally:
        os.close(handle)
    return len(todo)


def _scored(
    todo: Sequence[Picture],
    detector: Backend,
    colours: Colours | None,
    manifest: Manifest,
    batch: int,
    progress: Callable[[int], None],
    warn: Callable[[str], None],
) -> Iterator[results_file.Result]:
    warned = colours is None  # colours that come with the detections need no masks
    for start in range(0, len(todo), batch):
        chunk = todo[start : start + batch]
        images = [picture.pixels() for picture in chunk]
        for picture, image, seen in zip(chunk, images, detector.see(images, [p.name for p in chunk]), strict=True):
            if not warned and any(mask is None for found in seen.detections.values() for _, mask in found):
                warn(UNMASKED)
                warned = True
            yield _score(picture, image, seen, colours, manifest)
        progress(start + len(chunk))


def rescore(source: Path, out: Path, options: Options) -> list[results_file.Result]:
    """Judge stored detections again with other options; writes `out` and returns its rows.

    Raises ConfigError for thresholds below what was stored, and for colours that were never asked for.
    """
    if out.resolve() == source.resolve():
        raise ConfigError(f"Rescoring would overwrite {source}; choose another --out.")
    manifest = manifests.read(source)
    rows = []
    for row in results_file.read(source, complete=True):
        metadata = _asked(row)
        seen = seen_in(row, manifest)
        require_floor(row["filename"], metadata["tag"], options, seen.floor)
        judgement = evaluate_image(seen.detections, metadata, known_colours(seen.answers()), options)
        rows.append({**row, **results_file.judgement_columns(row["filename"], metadata, judgement)})
    results_file.write(out, rows)
    if manifest:
        manifests.write(out, {**manifest, "options": asdict(options)})
    return rows


def merge(given: Iterable[Path]) -> list[results_file.Result]:
    """Read the rows of one file in its order, of several shards by image name. Raises ConfigError if they disagree."""
    files = list(given)
    manifests_of = {path: manifests.read(path) for path in files}
    for path in files[1:]:
        manifests.require_same(manifests_of[files[0]], manifests_of[path], f"{files[0]} and {path}")
    rows = [row for path in files for row in results_file.read(path, complete=True)]
    double = [name for name, n in Counter(row["filename"] for row in rows).items() if n > 1]
    if double:
        raise ConfigError(f"{len(double)} images are scored twice, for example {double[0]}. Name each file once.")
    return rows if len(files) == 1 else sorted(rows, key=lambda row: row["filename"])


def check_results(
    rows: Sequence[results_file.Result], suite: Sequence[Row], images_per_prompt: int, partial: bool
) -> None:
    """Raise ConfigError unless the results cover the suite (see folder.check_complete)."""
    counts = Counter(key(_asked(row)) for row in rows)
    check_complete(counts, suite, images_per_prompt, "The results file", partial=partial)


def _asked(row: results_file.Result) -> Row:
    where = f"The metadata of {row['filename']}"
    return as_row(parse(row["metadata"], where), where)


def _score(
    picture: Picture, image: Image, seen: Seen, colours: Colours | None, manifest: Manifest
) -> results_file.Result:
    answers = seen.answers()
    classify: ColourClassifier = known_colours(answers)
    if colours is not None:
        answers = {}
        classify = _remember(colours.for_image(image), answers)
    judgement = evaluate_image(seen.detections, picture.row, classify, manifest.options)
    return results_file.result(picture, judgement, seen, answers, manifest.floor)


def _remember(classify: ColourClassifier, answers: Answers) -> ColourClassifier:
    """Wrap a classifier so that it also notes its answers."""

    def noting(detections: Sequence[Detection], name: str) -> Sequence[str]:
        named = classify(detections, name)
        answers.update((key_of(name, found), colour) for found, colour in zip(detections, named, strict=True))
        return named

    return noting


def _check_unchanged(pictures: Sequence[Picture], done: dict[str, results_file.Result]) -> None:
    for picture in pictures:
        stored = done.get(picture.name, {}).get("image_sha256")
        if stored and stored != results_file.input_sha256(picture.path):
            raise ConfigError(f"{picture.path} has changed since it was scored. Choose another --out.")
