"""An archive -> run directories and a sweep file in a results folder: all of it, checked, or nothing. Needs no torch.

The file may come from anybody. Members are read one after the other and written by us, under names that we know and
after their hashes were found right; a link, a path that leads elsewhere or a file that is not listed ends it all.
"""

import hashlib
import os
import shutil
import tarfile
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fpd_bench.errors import ConfigError, OddFile
from fpd_bench.records import layout
from fpd_bench.records.odd_files import parse_json
from fpd_bench.runs.archive.contents import LIST, MOST_LIST, SWEEP, ArchiveContents, read_contents
from fpd_bench.runs.folder.rundir import RunDir

SWEEPS = "sweeps"  # results/sweeps/<name>.yaml: of archives that were imported
BLOCK = 2**20


@dataclass(frozen=True)
class Imported:
    """What an import did. sweep: the sweep's file now; there: runs that were here already, with the same results."""

    sweep: Path
    overrides: tuple[str, ...]
    taken: list[str]
    there: list[str]


def unpack(archive: Path, results: Path) -> Imported:
    """Take the runs of an archive into `results`. Raises ConfigError, and leaves nothing behind, for an archive that is
    damaged or hostile, and for a run that is here with other results, or without any."""
    results.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".import-", dir=results) as name:
        scratch = Path(name)
        try:
            with tarfile.open(archive, "r|gz") as tar:
                contents = _write_all(tar, scratch, str(archive))
        except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
            raise ConfigError(f"'{archive}' cannot be read: {error}.") from None
        new, there = _sort(contents, scratch, results)
        sweep = _place_sweep(scratch / SWEEP, results / SWEEPS, contents.file)
        (results / layout.RUNS).mkdir(exist_ok=True)
        for run_id in new:
            os.rename(scratch / layout.RUNS / run_id, results / layout.RUNS / run_id)
    return Imported(sweep, contents.overrides, new, there)


def _write_all(tar: tarfile.TarFile, scratch: Path, where: str) -> ArchiveContents:
    """Write every member below `scratch`. Raises ConfigError."""
    first = tar.next()
    if first is None or first.name != LIST or not first.isreg() or first.size > MOST_LIST:
        raise ConfigError(f"'{where}' is not an archive of fpd-bench: it does not begin with {LIST}.")
    contents = read_contents(_parsed(_opened(tar, first).read(), where), f"'{where}'")
    waiting = dict(contents.files)
    while (member := tar.next()) is not None:
        if not member.isreg():
            raise ConfigError(f"'{where}' holds {member.name[:80]!r}, which is not a regular file. Nothing was taken.")
        wanted = waiting.pop(member.name, None)
        if wanted is None:
            raise ConfigError(f"'{where}' holds {member.name[:80]!r}, which it does not list. Nothing was taken.")
        if _copy(_opened(tar, member), scratch / member.name) != wanted:
            raise ConfigError(f"'{where}': {member.name} does not match its hash. Nothing was taken; fetch it again.")
    if waiting:
        raise ConfigError(
            f"'{where}' is incomplete: {len(waiting)} of its files are missing, such as {min(waiting)}. Fetch it again."
        )
    if SWEEP not in contents.files:
        raise ConfigError(f"'{where}' is incomplete: {SWEEP} is missing. Fetch it again, or pack it again.")
    return contents


def _parsed(data: bytes, where: str) -> object:
    try:
        return parse_json(data, LIST)
    except (ValueError, OddFile):
        raise ConfigError(f"'{where}' is not an archive of fpd-bench: its {LIST} cannot be read.") from None


def _opened(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    file = tar.extractfile(member)
    assert file is not None  # of a plain file there is one
    return file


def _copy(source: IO[bytes], target: Path) -> str:
    """Copy a member; return its SHA-256."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with target.open("xb") as file:
        while block := source.read(BLOCK):
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def _sort(contents: ArchiveContents, scratch: Path, results: Path) -> tuple[list[str], list[str]]:
    """Give (runs to take, runs that are here already). Raises ConfigError for one that must not be taken."""
    new, there = [], []
    for run_id in contents.run_ids:
        packed, here = RunDir(scratch / layout.RUNS / run_id), RunDir(results / layout.RUNS / run_id)
        done = packed.done()
        if done is None or layout.read_identity(packed.path).get("run_id") != run_id or packed.damaged():
            raise ConfigError(
                f"Run {run_id} in the archive is damaged: its files are not those that its {layout.DONE} lists."
            )
        if not here.path.exists():
            new.append(run_id)
        elif (here.done() or {}).get("files") == done["files"]:
            there.append(run_id)
        else:
            raise ConfigError(
                f"Run {run_id} is in '{results}' with other results, or without any. Nothing was taken. Import into "
                "another folder: --results DIR"
            )
    return new, there


def _place_sweep(made: Path, folder: Path, name: str) -> Path:
    """Put the sweep's file into the folder, under another name if one of this name differs."""
    folder.mkdir(parents=True, exist_ok=True)
    digest = layout.sha256(made)
    for target in (folder / f"{name}.yaml", folder / f"{name}-{digest[:8]}.yaml"):
        if not target.exists():
            shutil.copyfile(made, target)
            return target
        if layout.sha256(target) == digest:
            return target
    raise ConfigError(f"'{folder / name}-{digest[:8]}.yaml' exists already, with another content. Rename it.")
