"""Deploy two versions of the site with mike into a copy of this repository, and look at what readers would get.

`make docs` runs it. Nothing is pushed, and this repository's own branches stay as they are.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
VERSIONS = ("1.0", "1.1")
WHO = {f"GIT_{role}_{what}": "docs@localhost" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def main() -> int:
    """Deploy, check, say what was found; return 1 if readers would miss anything."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        call("git", "clone", "--quiet", str(ROOT), str(copy))
        for version in VERSIONS:
            call("mike", "-q", "deploy", "--update-aliases", version, "latest", at=copy)
        call("mike", "-q", "set-default", "latest", at=copy)
        call("git", "checkout", "--quiet", "gh-pages", at=copy)
        wrong = missing_parts(copy)
    print("\n".join(wrong) or f"mike: versions {', '.join(VERSIONS)}, latest is {VERSIONS[-1]}")
    return int(bool(wrong))


def missing_parts(site: Path) -> list[str]:
    """List what a site of these versions should have and has not."""
    known = json.loads((site / "versions.json").read_text())
    names, latest = {one["version"] for one in known}, [one["version"] for one in known if "latest" in one["aliases"]]
    wrong = [f"versions.json has {sorted(names)}"] if names != set(VERSIONS) else []
    wrong += [f"latest is {latest}"] if latest != [VERSIONS[-1]] else []
    pages = ["index.html", *(f"{version}/index.html" for version in (*VERSIONS, "latest"))]
    wrong += [f"{page} is missing" for page in pages if not (site / page).exists()]
    return wrong + (["index.html leads nowhere"] if "latest" not in (site / "index.html").read_text() else [])


def call(*words: str, at: Path | None = None) -> None:
    """Run a command of this environment in a folder. Raises CalledProcessError."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(words, cwd=at, env=os.environ | WHO | {"PATH": path, "NO_MKDOCS_2_WARNING": "1"}, check=True)


if __name__ == "__main__":
    sys.exit(main())
