"""A sweep's finished runs -> one file. Equal runs give equal bytes. Needs no torch."""

import gzip
import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import fpd_bench
from fpd_bench.config.sweeps.cells import Sweep
from fpd_bench.errors import ConfigError
from fpd_bench.records import layout
from fpd_bench.runs.archive.contents import FORMAT, LIST, SWEEP, is_ours
from fpd_bench.runs.execute.sweep_plan import open_run
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.folder.whole_files import write_with


def pack(sweep: Sweep, overrides: Sequence[str], results: Path, out: Path) -> tuple[int, int]:
    """Write the sweep's runs that have a result to `out`; return how many, and of how many.

    Raises ConfigError if none has one, or if a run's files are not what DONE vouches for.
    """
    runs = [open_run(results, name) for name in sweep.runs()]
    done = [run for run in runs if run.done()]
    if not done:
        raise ConfigError(f"None of the {len(runs)} runs of {sweep.path} has a result in '{results}'.")
    for run in done:
        if damaged := run.damaged(layout.EVAL, layout.SAMPLES, layout.STUDENT):
            raise ConfigError(f"Run {run.run_id} is damaged: {', '.join(damaged)} changed since it was finished.")
    files = {SWEEP: sweep.path} | {name: path for run in done for name, path in _files(run)}
    hashes = {name: layout.sha256(path) for name, path in sorted(files.items())}
    content = {"format": FORMAT, "fpd_bench": fpd_bench.__version__, "file": sweep.path.stem}
    listed = json.dumps(content | {"overrides": list(overrides), "files": hashes}, indent=1).encode()
    write_with(out, lambda path: _write(path, listed, files))
    return len(done), len(runs)


def _files(run: RunDir) -> Iterator[tuple[str, Path]]:
    """Give (member, path) of each file of a run that belongs into an archive."""
    for path in sorted(run.path.rglob("*")):
        name = f"{layout.RUNS}/{run.run_id}/{path.relative_to(run.path).as_posix()}"
        if is_ours(name) and path.is_file() and not path.is_symlink():
            yield name, path


def _write(path: Path, listed: bytes, files: dict[str, Path]) -> None:
    with (
        path.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        tar.addfile(_member(LIST, len(listed)), io.BytesIO(listed))
        for name, source in sorted(files.items()):
            with source.open("rb") as file:
                tar.addfile(_member(name, source.stat().st_size), file)


def _member(name: str, size: int) -> tarfile.TarInfo:
    """Describe a member without owner and times, which are nobody's business."""
    made = tarfile.TarInfo(name)
    made.size, made.mode = size, 0o644
    return made
