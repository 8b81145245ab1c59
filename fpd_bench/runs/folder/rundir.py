"""One run's folder: reading and writing every file in it. The names are in records/layout.py, which readers share.

How they are written is in whole_files.py; files of a finished stage have their hash beside them (sealed.py).
"""

import difflib
import json
import time
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fpd_bench.config.identity import CONFIG_SCHEMA, plugins, run_id, semantic
from fpd_bench.config.schema import RunConfig
from fpd_bench.config.yaml_text import from_yaml, to_yaml
from fpd_bench.errors import ConfigError, OddFile, RunError
from fpd_bench.records import layout, odd_files
from fpd_bench.records.run_status import has_result
from fpd_bench.runs.folder import sealed
from fpd_bench.runs.folder.whole_files import append_line, json_line, write_json, write_text

Row = dict[str, Any]
CHECKSUM = "crc"  # of a line of an unfinished evaluation
LEFT_SECONDS = 60  # a temporary file so old is nobody's; beside config and claim others write, too, but shortly


def now() -> str:
    """Return the time as UTC ISO text."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class RunDir:
    """results/runs/<run_id>. Opening it reads and writes nothing."""

    def __init__(self, path: Path | str):
        self.path = Path(path)
        self.run_id = self.path.name
        self.claim = self.path / layout.CLAIM
        self.submission = self.path / layout.SUBMISSION
        self.checkpoints = self.path / layout.CHECKPOINTS
        self.student = self.path / layout.STUDENT

    @classmethod
    def create(cls, results: Path, config: RunConfig) -> "RunDir":
        """Make the folder of the run that `config` describes, if it is not there yet; bring its execution fields up to
        date.

        Raises RunError if the folder holds another configuration or the disk refuses to keep this one, OddFile if it
        holds files of other kinds.
        """
        try:
            return cls._create(results, config)
        except OSError as error:
            raise RunError(
                f"Cannot write run {run_id(config)} to '{results}': {error.strerror or error}. Mend the disk, then "
                "run the same command again."
            ) from error

    @classmethod
    def _create(cls, results: Path, config: RunConfig) -> "RunDir":
        run = cls(results / layout.RUNS / run_id(config))
        run.path.mkdir(parents=True, exist_ok=True)
        layout.refuse_odd(run.path)
        identity = layout.read_json(run.path / layout.IDENTITY)
        meaning = json.loads(json.dumps(semantic(config)))
        if identity is not None and identity.get("semantic") != meaning:
            raise RunError(f"{run.path} belongs to another configuration. Move it away and start again.")
        if identity is None:
            identity = {"run_id": run.run_id, "config_schema": CONFIG_SCHEMA, "semantic": meaning}
            write_json(run.path / layout.IDENTITY, identity | {"plugins": plugins(config), "created": now()})
        kept = _read_text(run.path / layout.CONFIG)  # None: lost on the way from elsewhere
        if kept is None or (kept != to_yaml(config) and not run.is_done()):
            write_text(run.path / layout.CONFIG, to_yaml(config))
        return run

    def config(self) -> RunConfig:
        """Read the run's configuration. Raises ConfigError if there is none, or none that fits this version."""
        path = self.path / layout.CONFIG
        text = odd_files.read_text(path)
        if text is None:
            raise ConfigError(f"'{self.path}' is not a run directory: it has no {layout.CONFIG}.")
        odd_files.parse_yaml(text, str(path))  # what OmegaConf could not survive
        return from_yaml(text, str(path))

    # ---------------------------------------------------------------------------------------------- attempts, events
    def attempts(self) -> list[int]:
        """List the numbers of the attempts made so far."""
        return layout.attempt_numbers(self.path)

    def begin_attempt(self, record: Row) -> int:
        """Write the record of the next attempt; return its number. Only the holder of the claim may call it."""
        for leftover in self.path.rglob(".*.tmp"):  # of a process that was killed in the middle of a write
            if leftover.parent != self.path or _age_seconds(leftover) > LEFT_SECONDS:
                leftover.unlink(missing_ok=True)
        attempt = max(self.attempts(), default=0) + 1
        write_json(self.path / layout.ATTEMPTS / f"{attempt}.json", {"attempt": attempt} | record)
        return attempt

    def attempt(self, number: int) -> Row:
        """Read the record of an attempt; {} if there is none."""
        return layout.read_json(self.path / layout.ATTEMPTS / f"{number}.json") or {}

    def packages_file(self, attempt: int) -> Path:
        """Return the path of the list of all installed packages of an attempt, with their versions."""
        return self.path / layout.ATTEMPTS / f"{attempt}.packages.txt"

    def log_file(self, attempt: int) -> Path:
        """Return the path to which the worker's own output of an attempt goes."""
        return self.path / layout.ATTEMPTS / f"{attempt}.log"

    def events(self) -> list[Row]:
        return layout.read_events(self.path)

    def next_event(self, kind: str) -> Row:
        """Begin an event that follows the last one, for a process that is not the attempt's recorder."""
        events = self.events() or [{}]
        seq = max(-1 if event.get("seq") is None else event["seq"] for event in events)
        return {"seq": seq + 1, "attempt": events[-1].get("attempt") or 1, "time": now(), "kind": kind}

    def append_event(self, row: Row) -> None:
        append_line(self.path / layout.EVENTS, row)

    # ------------------------------------------------------------------------------------------------ training, images
    def training_log(self) -> list[Row]:
        return layout.read_training(self.path)

    def append_training(self, row: Row) -> None:
        append_line(self.path / layout.TRAIN, row)

    def cut_training_log(self, step: int) -> None:
        """Drop rows behind `step`: training resumes there and writes them again."""
        rows = self.training_log()
        kept = [row for row in rows if (row.get("step") or 0) <= step]
        if kept != rows:
            write_text(self.path / layout.TRAIN, "".join(json_line(row) for row in kept))

    def picture(self, step: int) -> Path:
        return self.path / layout.PICTURES / f"step_{step}.png"

    def samples(self, suite: str) -> Path:
        return self.path / layout.SAMPLES / f"{suite}.npz"

    def shards(self, suite: str) -> Path:
        """Return the folder of the images of a sampling that is not finished."""
        return self.path / layout.SAMPLES / f"{suite}.shards"

    def evaluation(self, suite: str) -> Path:
        return self.path / layout.EVAL / f"{suite}.jsonl"

    def partial_scores(self, suite: str) -> list[Row]:
        """Read the rows of an evaluation that is not finished; one whose checksum is wrong is left out, to be scored
        again.
        """
        try:
            lines = layout.read_jsonl(self._partial(suite))
        except OddFile:  # all is scored again
            return []
        return [row for line in lines if (row := _without_checksum(line)) is not None]

    def append_score(self, suite: str, row: Row) -> None:
        append_line(self._partial(suite), row | {CHECKSUM: zlib.crc32(json_line(row).encode())})

    def finish_evaluation(self, suite: str, rows: list[Row]) -> None:
        """Write the whole evaluation, in order."""
        text = "".join(json_line(row) for row in rows)
        sealed.write(self.evaluation(suite), lambda path: path.write_text(text, encoding="utf-8"))
        self._partial(suite).unlink(missing_ok=True)

    def _partial(self, suite: str) -> Path:
        return self.path / layout.EVAL / f"{suite}.partial"

    def scores(self) -> dict[str, list[Row]]:
        """Read {suite: rows} of the finished evaluations; what the run answered when it paused is none of them."""
        found = sorted((self.path / layout.EVAL).glob("*.jsonl"))
        return {path.stem: layout.read_jsonl(path) for path in found if layout.PAUSE not in path.stem}

    def has_paused_at(self, step: int) -> bool:
        """Say whether the run has answered its suite as its student was after so many steps."""
        return any((self.path / layout.EVAL).glob(f"*{layout.PAUSE}{step}.jsonl"))

    # ------------------------------------------------------------------------------------------------------------ DONE
    def done(self) -> Row | None:
        """Read what DONE says; None if it is not there or torn, or speaks of files that are gone."""
        done = layout.read_json(self.path / layout.DONE)
        if done is None or done.get("run_id") != self.run_id or not has_result(done.get("status", "")):
            return None
        files = layout.vouched_files(done)
        return done if files is not None and all((self.path / name).is_file() for name in files) else None

    def is_done(self) -> bool:
        return self.done() is not None

    def damaged(self, *parts: str) -> list[str]:
        """List the files that are no longer what DONE vouches for. parts: folders or files of the run;
        default: what tables read."""
        files = (layout.vouched_files(self.done() or {}) or {}).items()
        asked = parts or (layout.EVAL,)
        held = [(name, digest) for name, digest in files if name.partition("/")[0] in asked]
        return [name for name, digest in held if layout.sha256(self.path / name) != digest]

    def results(self) -> list[Path]:
        """List the files that DONE vouches for: the student, images and evaluations."""
        folders = ((layout.SAMPLES, "*.npz"), (layout.EVAL, "*.jsonl"))
        found = [path for part, names in folders for path in sorted((self.path / part).glob(names))]
        return [path for path in (self.student, *found) if path.is_file()]

    def finish(self, status: str, finished: str = "") -> None:
        """Write DONE, vouching for the files that tables and pages read by the hashes noted when they were written.

        finished: when that was, UTC ISO, if it was not now.
        """
        digests = {path: sealed.noted_hash(path) or layout.sha256(path) for path in self.results()}
        files = {path.relative_to(self.path).as_posix(): digest for path, digest in digests.items()}
        done = {"run_id": self.run_id, "status": status, "finished": finished or now(), "files": files}
        write_json(self.path / layout.DONE, done)


def find_run(results: Path, run: str) -> RunDir:
    """Find the run whose id begins with `run`. Raises ConfigError if it is none or not one."""
    folder = results / layout.RUNS
    names = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    found = [name for name in names if name.startswith(run)]
    if len(found) != 1:
        close = found[:5] or difflib.get_close_matches(run, names, n=3, cutoff=0.4)
        hint = f" {'They are' if found else 'Closest'}: {', '.join(close)}." if close else ""
        raise ConfigError(
            f"{len(found)} of {len(names)} runs in '{results}' begin with '{run}'.{hint} "
            f"See which there are: python -m fpd_bench.status SWEEP.yaml --results {results}"
        )
    return RunDir(folder / found[0])


def _read_text(path: Path) -> str | None:
    """Read the text of a file; None if it is not there or was not written by this program, so that it is written
    again.
    """
    try:
        return odd_files.read_text(path)
    except OddFile:
        return None


def _without_checksum(line: Row) -> Row | None:
    """Return a row without its checksum; None if the row is not as it was written."""
    row = {name: value for name, value in line.items() if name != CHECKSUM}
    return row if zlib.crc32(json_line(row).encode()) == line.get(CHECKSUM) else None


def _age_seconds(path: Path) -> float:
    """Return the seconds since the file was written; 0 if it is gone."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
