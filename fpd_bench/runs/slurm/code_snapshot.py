"""The code as it is at submission, kept beside the results: editing the tree does not change queued jobs."""

import compileall
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path

import fpd_bench
from fpd_bench.config.schema import RunConfig
from fpd_bench.runs.folder import provenance

FOLDER = "code"  # results/code/<hash>/fpd_bench


def take_snapshot(results: Path, configs: Iterable[RunConfig] = ()) -> Path:
    """Copy this package, and those whose plugins the runs use, into a folder for the path of jobs; equal code shares
    one."""
    configs = list(configs)
    places = {Path(fpd_bench.__file__).parent}.union(*(provenance.plugin_code(config).values() for config in configs))
    files = {path.relative_to(place.parent): path for place in sorted(places) for path in _code_of(place)}
    digest = hashlib.sha256()
    for name, path in sorted(files.items()):
        digest.update(f"{name.as_posix()}\0".encode() + path.read_bytes())
    target = results.resolve() / FOLDER / digest.hexdigest()[:12]
    if target.is_dir():
        return target
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    for name, path in files.items():
        copy = temporary / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
    provenance.write_code_note(temporary, configs)
    # Once here, instead of in every job of the first wave; tracebacks shall name the place that will be.
    compileall.compile_dir(temporary, quiet=2, stripdir=str(temporary), prependdir=str(target))
    try:
        os.rename(temporary, target)
    except OSError:  # another submitter was faster
        shutil.rmtree(temporary)
    return target


def _code_of(place: Path) -> list[Path]:
    """List the files of a package, or the one file of a module."""
    if place.is_file():
        return [place]
    return [path for path in place.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
