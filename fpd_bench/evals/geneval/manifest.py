"""What made a results file: <file>.manifest.json beside it.

A file is continued, and files are merged, only if their manifests agree, so numbers of different detectors,
thresholds or prompts never mix.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fpd_bench.errors import ConfigError
from fpd_bench.evals.geneval.scoring import Options

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
        """Plain values, as stored."""
        return asdict(self)


def path_of(out: Path) -> Path:
    """Where the manifest of results file `out` lies."""
    return out.with_name(out.name + ".manifest.json")


def read(out: Path) -> dict[str, Any] | None:
    """The manifest of a results file; None for files that GenEval itself wrote."""
    path = path_of(out)
    return json.loads(path.read_text()) if path.exists() else None


def claim(out: Path, manifest: Manifest) -> None:
    """Put the manifest down, or check that the one there is ours."""
    if not path_of(out).exists():
        if out.exists():
            raise ConfigError(f"{out} exists without {path_of(out).name}: choose another --out.")
        out.parent.mkdir(parents=True, exist_ok=True)
        write(out, manifest.as_dict())
        return
    require_same(read(out), manifest.as_dict(), f"{out} and this command", also=("shard",))


def write(out: Path, content: dict[str, Any]) -> None:
    path = path_of(out)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    part.replace(path)


def require_same(a: dict[str, Any] | None, b: dict[str, Any] | None, what: str, also: tuple[str, ...] = ()) -> None:
    """Raise ConfigError unless two manifests agree in all but the shard (unless `also` names it)."""
    first, second = (json.loads(json.dumps(m or {})) for m in (a, b))
    keys = (first.keys() | second.keys()) - ({"shard"} - set(also))
    differ = [f"{k}: {first.get(k)} / {second.get(k)}" for k in sorted(keys) if first.get(k) != second.get(k)]
    if differ:
        raise ConfigError(f"{what} were made differently ({'; '.join(differ)}). Choose another --out.")
