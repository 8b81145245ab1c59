"""What made a results file: <file>.manifest.json beside it.

A file is continued, and files are merged, only if their manifests agree, so numbers of different detectors,
thresholds or prompts never mix.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.evals.geneval.scoring import Options
from fpd_bench.files.text import read_json, sealed, unsealed

FLOOR = 0.05  # lower detections are not stored, so no threshold below it can be tried later


@dataclass(frozen=True)
class Manifest:
    """All that decides a results file, except the images."""

    detector: dict[str, str]
    colours: dict[str, str] | None
    options: Options
    prompts_sha256: str
    images_per_prompt: int
    partial: bool = False
    prompts_rewritten: bool = False  # by a language model before generation: not comparable with plain prompts
    floor: float = FLOOR
    shard: str = "1/1"
    format: int = 1

    def as_dict(self) -> dict[str, Any]:
        """Give plain values, as stored."""
        return asdict(self)


def path_of(out: Path) -> Path:
    """Say where the manifest of results file `out` lies."""
    return out.with_name(out.name + ".manifest.json")


def read(out: Path) -> dict[str, Any] | None:
    """Read the manifest of a results file; None for files that GenEval itself wrote. Raises AssetError for damage."""
    path = path_of(out)
    if not path.exists():
        return None
    found = unsealed(read_json(path), f"'{path}'")
    options, numbers = found.get("options"), ("threshold", "counting_threshold")
    if not isinstance(options, dict) or not all(_is_number(options.get(name)) for name in numbers):
        raise AssetError(f"'{path}' is not a manifest of results: its options are {options!r:.60}.")
    if not _is_number(found.get("floor")):
        raise AssetError(f"'{path}' is not a manifest of results: its floor is {found.get('floor')!r:.60}.")
    return found


def require_ours(out: Path, manifest: Manifest, rows: int) -> None:
    """Raise ConfigError unless `out`, which holds so many rows, may be continued under this manifest.

    A file without a row binds nobody: a command that failed before its first one can be corrected.
    """
    if not path_of(out).exists():
        if out.exists() and out.stat().st_size:
            raise ConfigError(
                f"{out} exists but its manifest {path_of(out).name} is missing, so it cannot be continued. Choose "
                "another --out."
            )
    elif rows:
        require_same(read(out), manifest.as_dict(), f"{out} and this command", also=("shard",))


def write(out: Path, content: dict[str, Any]) -> None:
    path = path_of(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(sealed(content), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    part.replace(path)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def require_same(a: dict[str, Any] | None, b: dict[str, Any] | None, what: str, also: tuple[str, ...] = ()) -> None:
    """Raise ConfigError unless two manifests agree in all but the shard (unless `also` names it)."""
    first, second = (json.loads(json.dumps(m or {})) for m in (a, b))
    keys = (first.keys() | second.keys()) - ({"shard"} - set(also))
    differ = [f"{k}: {first.get(k)} / {second.get(k)}" for k in sorted(keys) if first.get(k) != second.get(k)]
    if differ:
        raise ConfigError(f"{what} were made differently ({'; '.join(differ)}). Choose another --out.")
