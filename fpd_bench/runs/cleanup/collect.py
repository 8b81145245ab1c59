"""Find and remove what no table needs: unneeded runs, checkpoints of finished runs, leftovers of killed processes.

A run that a process or a batch job has is never touched. A run is claimed before it goes, and moved away whole before
its files are deleted, so that nobody sees half of one.
"""

import re
import shutil
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fpd_bench.errors import OddFile
from fpd_bench.records import layout
from fpd_bench.runs.cleanup.wanted import WantedRuns, wanted_runs
from fpd_bench.runs.folder import claims, submissions
from fpd_bench.runs.folder.rundir import RunDir

STALE_SECONDS = 3600  # a temporary file younger than this may be in the making
TRASH = ".trash"  # results/.trash/: runs on their way out
_HEX = "[0-9a-f]"
_TEMPORARY = re.compile(
    rf"\..+\.({_HEX}{{8,32}}|\d+)\.tmp|\.(claim|submission)\.json\.{_HEX}{{32}}|\.probe-\d+|\.{_HEX}{{12}}\.{_HEX}{{8}}"
    r"|.+\.sqlite\.rebuild-\d+(-journal)?"
)


@dataclass(frozen=True)
class Removable:
    """Something to remove. kind: run | checkpoints | leftover."""

    path: Path
    kind: str
    bytes: int
    why: str


@dataclass
class CleanupPlan:
    """found: what to remove. kept: {why: how many}, for whatever could be taken for removable. notes: lines to read."""

    results: Path
    found: list[Removable] = field(default_factory=list)
    kept: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        return sum(found.bytes for found in self.found)

    def text(self) -> str:
        """List each thing to remove on a line, then what is kept and why, then the sum."""
        lines = [f"{size_text(found.bytes):>9}  {found.path}  {found.why}" for found in self.found]
        lines += [f"kept: {count} {why}" for why, count in sorted(self.kept.items())]
        counts = Counter(found.kind for found in self.found)
        counted = ", ".join(
            f"{counts[kind]} {kind.removesuffix('s')}{'s' * (counts[kind] != 1)}" for kind in sorted(counts)
        )
        sums = f"To remove: {counted}; {size_text(self.bytes)}." if self.found else "Nothing to remove."
        return "\n".join([*lines, *self.notes, sums])


@dataclass
class Removed:
    """What went, and what stayed after all: {path: why}."""

    count: int = 0
    bytes: int = 0
    stayed: dict[Path, str] = field(default_factory=dict)

    def text(self) -> str:
        lines = [f"kept: {path}: {why}" for path, why in self.stayed.items()]
        return "\n".join([*lines, f"Removed {self.count}, {size_text(self.bytes)}."])


def plan_cleanup(results: Path, sweeps: Sequence[str]) -> CleanupPlan:
    """Look for what can be removed in `results`, and write nothing. sweeps: files and overrides, see `wanted_runs`.
    Raises ConfigError.
    """
    wanted, plan = wanted_runs(sweeps), CleanupPlan(results)
    if wanted.unknown:
        plan.notes = [f"No run is removed: the runs that {one} asks for are not known." for one in wanted.unknown]
        plan.notes.append("To remove runs, name all sweep files whose runs must stay.")
    for folder in sorted((results / layout.RUNS).iterdir()):
        if folder.is_dir():
            try:
                layout.refuse_odd(folder)
                _look_at(folder, wanted, plan)
            except (OddFile, OSError) as error:  # for its owner to judge
                plan.kept["corrupt runs"] += 1
                plan.notes.append(f"{folder} is left alone: {error}.")
    places = [path for path in results.glob("*") if path.name not in (layout.RUNS, TRASH)]
    places += [*(results / "code").glob(".*"), *(results / "export").glob(".*")]
    plan.found += _leftovers(path for path in places if _TEMPORARY.fullmatch(path.name))
    plan.found += [
        Removable(path, "leftover", bytes_below(path), "half removed") for path in (results / TRASH).glob("*")
    ]
    return plan


def _look_at(folder: Path, wanted: WantedRuns, plan: CleanupPlan) -> None:
    run = RunDir(folder)
    identity = layout.read_identity(folder)
    if folder.is_symlink() or identity.get("run_id") != folder.name:
        plan.kept["folders that hold no run of their own name (links, copies, other folders)"] += 1
    elif _is_taken(run):
        plan.kept["runs that are running or queued"] += 1
    elif not wanted.is_wanted(folder):
        if wanted.unknown:
            plan.kept["runs that none of these sweep files asks for"] += 1
        else:
            plan.found.append(Removable(folder, "run", bytes_below(folder), "no table asks for it"))
    else:
        plan.found += _leftovers(path for path in folder.rglob(".*") if _TEMPORARY.fullmatch(path.name))
        if (run.done() or {}).get("status") == "done" and any(run.checkpoints.glob("*")):
            found = Removable(run.checkpoints, "checkpoints", bytes_below(run.checkpoints), "of a finished run")
            plan.found.append(found)


def _is_taken(run: RunDir) -> bool:
    return claims.holder(run.claim) is not None or submissions.read(run) is not None


def _leftovers(paths: Iterable[Path]) -> list[Removable]:
    old = time.time() - STALE_SECONDS
    there = [path for path in paths if path.lstat().st_mtime < old]
    return [Removable(path, "leftover", bytes_below(path), "of a killed process") for path in there]


def carry_out(plan: CleanupPlan) -> Removed:
    """Remove what the plan found, where it still holds."""
    done = Removed()
    for found in plan.found:
        why = _remove(found, plan.results)
        if why:
            done.stayed[found.path] = why
        else:
            done.count += 1
            done.bytes += found.bytes
    trash = plan.results / TRASH
    if trash.is_dir() and not any(trash.iterdir()):
        trash.rmdir()
    return done


def _remove(found: Removable, results: Path) -> str:
    """Remove one thing; return why it stays, '' once it is gone."""
    try:
        if found.kind == "run":
            return _remove_run(RunDir(found.path), results)
        if found.kind == "checkpoints" and not _student_is_sound(RunDir(found.path.parent)):
            return "the student file is not the one that DONE records, so the checkpoints may be needed"
        _delete(found.path)
    except (OSError, OddFile) as error:
        return str(error)
    return ""


def _remove_run(run: RunDir, results: Path) -> str:
    try:
        claim = claims.acquire(run.claim, 0)
    except claims.Claimed as error:
        return str(error)
    if submissions.read(run):
        claims.release(run.claim, claim)
        return "queued"
    trash = results / TRASH / f"{run.run_id}-{uuid.uuid4().hex[:8]}"
    trash.parent.mkdir(exist_ok=True)
    run.path.rename(trash)
    _delete(trash)
    return ""


def _student_is_sound(run: RunDir) -> bool:
    """Say whether the finished run can do without its checkpoints."""
    digest = (layout.vouched_files(run.done() or {}) or {}).get(layout.STUDENT)
    return digest is not None and layout.sha256(run.student) == digest


def _delete(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def bytes_below(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder."""
    return sum(part.lstat().st_size for part in [path, *path.rglob("*")] if not part.is_dir())


def size_text(count: int) -> str:
    """Write a number of bytes for people: '512 B', '1.5 MB'."""
    if count < 1024:
        return f"{count} B"
    power = min((count.bit_length() - 1) // 10, 4)
    return f"{count / 1024**power:.1f} {' KMGT'[power]}B"
