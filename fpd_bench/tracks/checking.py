"""`python -m fpd_bench.tracks check`: are a track's published files there, whole, the right ones, and do they work?

First what costs nothing (files, hashes, tables of contents, data, memory), without torch; only if that is well the
models are loaded, run once and made to draw a picture. Findings come one by one, in the order they are made.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fpd_bench.assets.inception import inception_file
from fpd_bench.assets.known_models import KNOWN_MODELS
from fpd_bench.assets.published_files import DEIT, OPTIONAL, PublishedFile, TrackFiles
from fpd_bench.assets.required_files import caption_files, reference_file
from fpd_bench.assets.values import check_values
from fpd_bench.assets.weight_files import contents, refuse_foreign
from fpd_bench.assets.weight_shards import shard_files
from fpd_bench.errors import AssetError, FpdError
from fpd_bench.records.layout import sha256
from fpd_bench.tracks.free_memory import available_bytes

STEPS = 8  # of the teacher's sampler, for the picture
TORCH_BYTES = 10**9  # torch and its libraries, about
USES = ("training", "sampling", "scoring")
READ_BY = {  # what is a note when it is missing
    "captions": "training",
    "images": "L_gan",
    "discriminator": "gan.discriminator=projected",
    "reference": "scoring by FID",
    "inception": "scoring by FID",
}


@dataclass(frozen=True)
class Finding:
    """state: ok | note (worth knowing, no obstacle) | wrong (a run would fail). text says what to do."""

    state: str
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.state:<5} {self.subject:<13} {self.text}"


def wrong(findings: Iterable[Finding]) -> bool:
    """Say whether a run of any kind would fail."""
    return any(finding.state == "wrong" for finding in findings)


def summary_of_findings(findings: list[Finding]) -> str:
    """Say what the track is ready for, and what else would need files that are not there."""
    if wrong(findings):
        return "is not ready: see the lines marked wrong"
    lacking: dict[str, list[str]] = {}
    for finding in findings:
        if finding.state == "note" and finding.subject in READ_BY:
            lacking.setdefault(READ_BY[finding.subject], []).append(finding.subject)
    able = [use for use in USES if not any(kind.startswith(use) for kind in lacking)]
    words = [f"is ready for {' and '.join(filter(None, (', '.join(able[:-1]), able[-1])))}"]
    return "; ".join([*words, *(f"{kind} needs {' and '.join(files)}" for kind, files in lacking.items())])


def check_files(files: TrackFiles, folder: Path) -> Iterator[Finding]:
    """Check that every published file is there, whole, the right model, as the hub sent it, all numbers finite."""
    for file in files.everything:
        absent = file.absent(folder)
        if absent:
            note, state = f" ({file.note})" if file.note else "", "note" if file in OPTIONAL else "wrong"
            yield Finding(state, file.role, f"{absent} is missing{note}. Run: {file.fetch_command(folder)}")
            continue
        try:
            refuse_foreign(file.path(folder), file.kind)
            said = _hashes(file, folder)
            check_values(file.path(folder), KNOWN_MODELS[file.kind].ignored if file.kind else ())
            yield Finding("ok", file.role, f"{file.path(folder)}, {said}")
        except AssetError as error:
            yield Finding("wrong", file.role, str(error))


def check_shapes(files: TrackFiles, folder: Path) -> Iterator[Finding]:
    """Hold settings, and the names and shapes of all tensors, against the models that read them; load nothing."""
    from fpd_bench.tracks.fitting import misfits

    found = list(misfits(files, folder))
    yield from (Finding("wrong", file.role, text) for file, text in found)
    if not found:
        yield Finding("ok", "shapes", "settings, names and shapes of all tensors fit")


def check_data(files: TrackFiles, data: Path) -> Iterator[Finding]:
    """Check captions and real images; each is needed by some runs only."""
    from fpd_bench.tracks.captions import open_captions
    from fpd_bench.tracks.pictures import open_images

    if files.captions:
        try:
            yield Finding("ok", "captions", open_captions(data).describe())
        except AssetError as error:
            yield Finding("wrong" if caption_files(data) else "note", "captions", str(error))
    try:
        yield Finding("ok", "images", open_images(data, 256).describe())
    except AssetError as error:
        yield Finding("note", "images", str(error))


def check_fidelity(files: TrackFiles, folder: Path) -> Iterator[Finding]:
    """Look for what FID is computed with, on a track whose images are scored together."""
    looks = {"reference": reference_file, "inception": lambda folder: inception_file(folder=folder)}
    for subject, find in looks.items() if files.reference else ():
        try:
            yield Finding("ok", subject, str(find(folder)))
        except AssetError as error:
            yield Finding("note", subject, str(error))


def check_memory(files: TrackFiles, folder: Path) -> Finding:
    """Say whether the models fit into this machine's memory, in single precision."""
    paths = [file.path(folder) for file in files.models + OPTIONAL if not file.absent(folder)]
    needed = TORCH_BYTES + sum(4 * contents(path).parameters for path in paths)
    free = available_bytes()
    words = f"loading needs about {needed / 1e9:.1f} GB"
    if free is None:
        return Finding("note", "memory", f"{words}; how much is free is not known")
    if free < needed:
        return Finding(
            "wrong", "memory", f"{words}, {free / 1e9:.1f} GB is free. Use a larger machine, or --quick (files only)."
        )
    return Finding("ok", "memory", f"{words}, {free / 1e9:.0f} GB is free")


def check_models(track_name: str, folder: Path, data: Path | None, picture: Path) -> Iterator[Finding]:
    """Load everything, run the teacher, the backbone and the sampler once."""
    import torch

    from fpd_bench.registry import tracks

    declared = tracks.declaration(track_name)

    try:
        began = time.monotonic()
        track = tracks.get(track_name)("default", weights=folder, data=data)
        backbone = track.backbone
        yield Finding("ok", "loaded", f"all models ({time.monotonic() - began:.0f} s)")
        began = time.monotonic()
        condition = track.condition(declared.examples)
        hidden = torch.full((len(condition), track.n_tokens), track.n_codes)
        with torch.no_grad():
            logits, empty = track.teacher(hidden, condition), track.teacher(hidden, track.null_condition(len(hidden)))
        spread = (logits - empty).abs().max().item()
        if not (torch.isfinite(logits).all() and spread > 0):
            yield Finding("wrong", "forward", "the teacher's logits are not finite or ignore the condition")
            return
        yield Finding("ok", "forward", f"logits {list(logits.shape)}, finite, conditional ({_since(began)})")
        began = time.monotonic()
        noise = [torch.Generator().manual_seed(i) for i in range(len(condition))]
        with torch.no_grad():
            codes = track.teacher_sample(condition, STEPS, noise)
            images = track.tokenizer.decode(track.tokenizer.codebook[codes], condition).clamp(0, 1)
            features = backbone(images)
        finite = all(bool(torch.isfinite(maps).all()) for maps in features.values())
        words = f"{backbone.name}: {len(features)} blocks, {'' if finite else 'not '}finite"
        yield Finding("ok" if finite else "wrong", "backbone", words)
        _save(images, picture)
        said = f"{', '.join(condition.texts)}; {STEPS} steps"
        yield Finding("ok", "picture", f"{picture}: {said} ({_since(began)}). Look at it")
        if not DEIT.absent(folder):
            yield _judged(images, DEIT.path(folder))
        if declared.published.scorers:
            yield _scored(track, images)
    except MemoryError:
        yield Finding("wrong", "memory", "ran out while loading. Use a larger machine, or --quick (files only).")
    except FpdError as error:
        yield Finding("wrong", "models", str(error))


def _judged(images, weights: Path) -> Finding:
    """Put the pictures through the projected discriminator's frozen networks and its untrained heads."""
    from fpd_bench.models.projected_gan import ProjectedDiscriminator

    began = time.monotonic()
    logits = ProjectedDiscriminator(weights=weights).eval()(images)
    finite = all(bool(each.isfinite().all()) for each in logits)
    words = f"{len(logits)} feature networks, {'' if finite else 'not '}finite ({_since(began)})"
    return Finding("ok" if finite else "wrong", DEIT.role, words)


def _scored(track, images) -> Finding:
    """Put one picture through GenEval's detector and colours."""
    began, suite = time.monotonic(), track.suite("validation")
    item = next(item for item in suite.items if item.metadata["tag"] == "colors")
    detail = suite.score((images[:1] * 255).byte().permute(0, 2, 3, 1).numpy(), [item])[0]["detail"]
    weights = detail["detector"].get("weights_sha256", "")[:12]
    return Finding("ok", "scorer", f"{detail['detector']['backend']}, weights {weights} ({_since(began)})")


def _hashes(file: PublishedFile, folder: Path) -> str:
    """Give size and sha256 of a file, or of each of its shards, held against what the hub said at the download."""
    return "; ".join(_hash(part, file, folder) for part in shard_files(file.path(folder)))


def _hash(path: Path, file: PublishedFile, folder: Path) -> str:
    digest = sha256(path)
    words = f"{path.stat().st_size / 1e6:,.1f} MB, sha256 {digest[:12]}"
    record = file.home(folder)
    record = record / ".cache/huggingface/download" / f"{path.relative_to(record)}.metadata"
    lines = record.read_text().split() if record.is_file() else []
    if len(lines) < 2 or len(lines[1]) != 64:
        return f"{words} (no record of the hub's)"
    if lines[1] != digest:
        raise AssetError(
            f"Weights '{path}' have sha256 {digest}, the hub sent {lines[1]}: the file was changed or damaged. "
            f"Run: {file.fetch_command(folder)} --force-download"
        )
    return f"{words}, as the hub sent it (commit {lines[0][:12]})"


def _save(images, picture: Path) -> None:
    from PIL import Image

    row = (images.permute(2, 0, 3, 1).flatten(1, 2) * 255 + 0.5).byte().numpy()  # [H, B W, 3]
    picture.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(row).save(picture)


def _since(began: float) -> str:
    return f"{time.monotonic() - began:.1f} s"
