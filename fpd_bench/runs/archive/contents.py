"""What an archive holds: a list with hashes first, then the sweep's file, then files of run directories."""

import re
from dataclasses import dataclass
from typing import Any

from fpd_bench.errors import ConfigError
from fpd_bench.records import layout

LIST = "archive.json"  # the first member: what else there is
SWEEP = "sweep.yaml"
FORMAT = 1
MOST_LIST = 2**26  # bytes; a run has some twenty files
# Of a run: what tables, pages and their readers need. No checkpoint, no claim, no heartbeat, no batch job.
SINGLE = (layout.CONFIG, layout.IDENTITY, layout.EVENTS, layout.TRAIN, layout.STUDENT, layout.DONE, layout.NOTES)
HASHES = (".sha256",)
FOLDERS = {
    layout.ATTEMPTS: (".json", ".txt"),
    layout.PICTURES: (".png",),
    layout.SAMPLES: (".npz", *HASHES),
    layout.EVAL: (".jsonl", *HASHES),
}
_PART = r"[\w@-][\w.@+-]*"
_MEMBER = re.compile(rf"{layout.RUNS}/([0-9a-f]{{12}})/(?:({_PART})/)?({_PART})", re.ASCII)


@dataclass(frozen=True)
class ArchiveContents:
    """file: the sweep's name; overrides: the words that it was packed with; files: {member: sha256}."""

    version: str
    file: str
    overrides: tuple[str, ...]
    files: dict[str, str]

    @property
    def run_ids(self) -> list[str]:
        """List the runs that have files in the archive."""
        return sorted({name.split("/")[1] for name in self.files if name != SWEEP})


def is_ours(name: str) -> bool:
    """Say whether a member's name is one that `pack` gives: of a run's file that tables need, and of no other place."""
    if name == SWEEP:
        return True
    found = _MEMBER.fullmatch(name)
    if not found:
        return False
    folder, file = found[2], found[3]
    if folder is None:
        return file in SINGLE or file == layout.STUDENT.replace(".safetensors", HASHES[0])
    return folder in FOLDERS and file.endswith(FOLDERS[folder])


def read_contents(found: Any, where: str) -> ArchiveContents:
    """Read the list of an archive. Raises ConfigError for one that `pack` has not written."""
    try:
        if found["format"] != FORMAT:
            raise ConfigError(
                f"{where} has format {found['format']!r}; this version of fpd-bench reads {FORMAT}. Update fpd-bench."
            )
        files = {str(name): str(digest) for name, digest in found["files"].items()}
        overrides = tuple(str(word) for word in found["overrides"])
        made = ArchiveContents(str(found["fpd_bench"]), str(found["file"]), overrides, files)
    except (KeyError, TypeError, AttributeError):
        raise ConfigError(
            f"{where} is not an archive of fpd-bench: its {LIST} does not have the form that fpd-bench writes."
        ) from None
    strange = next((name for name in made.files if not is_ours(name)), None)
    if strange is not None or not re.fullmatch(r"[\w-][\w.-]*", made.file, re.ASCII):
        raise ConfigError(f"{where} lists a file that fpd-bench never packs: {(strange or made.file)[:80]!r}.")
    return made
