"""The code as it is at submission, kept beside the results: editing the tree does not change queued jobs."""

import compileall
import hashlib
import json
import os
import shutil
import uuid
from pathlib import Path

import fpd_bench
from fpd_bench.runs.folder import provenance

FOLDER = "code"  # results/code/<hash>/fpd_bench


def take(results: Path) -> Path:
    """The folder to put on the path of jobs; equal code shares one."""
    package = Path(fpd_bench.__file__).parent
    files = sorted(path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(package).as_posix()}\0".encode() + path.read_bytes())
    target = results.resolve() / FOLDER / digest.hexdigest()[:12]
    if target.is_dir():
        return target
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    for path in files:
        copy = temporary / package.name / path.relative_to(package)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
    (temporary / provenance.KEPT).write_text(json.dumps(provenance.code(), indent=1))
    # Once here, instead of in every job of the first wave; tracebacks shall name the place that will be.
    compileall.compile_dir(temporary, quiet=2, stripdir=str(temporary), prependdir=str(target))
    try:
        os.rename(temporary, target)
    except OSError:  # another submitter was faster
        shutil.rmtree(temporary)
    return target
