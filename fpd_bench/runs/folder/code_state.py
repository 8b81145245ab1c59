"""What a package's code is: hashes of its files and, inside a git checkout, the commit and what differs from it."""

import hashlib
import subprocess
from pathlib import Path
from typing import Any

from fpd_bench.records.layout import sha256
from fpd_bench.secrets_mask import mask

LONGEST_DIFF = 400_000  # characters; a longer one is cut, its hash is of the whole


def code_state(place: Path) -> dict[str, Any]:
    """Describe the code in a folder, or in one file. Differences are masked, since they may hold secrets."""
    folder = place if place.is_dir() else place.parent
    paths = sorted(folder.rglob("*.py")) if place.is_dir() else [place]
    files = {path.relative_to(folder).as_posix(): sha256(path) for path in paths}
    listing = "".join(f"{digest}  {name}\n" for name, digest in files.items())
    found: dict[str, Any] = {"files_sha256": hashlib.sha256(listing.encode()).hexdigest()}
    sha = _git(folder, "rev-parse", "HEAD")
    if sha is None or _git(folder, "ls-files", "--error-unmatch", str(paths[0])) is None:
        return found | {"files": files}
    diff = _git(folder, "diff", "HEAD", "--", str(place)) or ""
    new = _git(folder, "ls-files", "--others", "--exclude-standard", "--", str(place)) or ""
    untracked = {name: files[name] for name in files if any(path.endswith(name) for path in new.splitlines())}
    git = {
        "sha": sha.strip(),
        "dirty": bool(diff or untracked),
        "remote": mask((_git(folder, "remote", "-v") or "").split("\n")[0]),
    }
    if diff:
        git |= {"diff_sha256": hashlib.sha256(diff.encode()).hexdigest(), "diff": mask(diff[:LONGEST_DIFF])}
    return found | {"git": git | ({"untracked": untracked} if untracked else {})}


def _git(folder: Path, *arguments: str) -> str | None:
    """Return the output of a git command in a folder; None without git, or if it fails."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
