"""Run the benchmarks of speed, one after the other, and write all their rows to reports/performance.md.

    python benchmarks/run_all.py              those that take minutes, without those measured at this commit already
    python benchmarks/run_all.py --again      all of them anew
    python benchmarks/run_all.py slurm_overhead report_scale
                                              others by name; what they print without rows is only shown

The page is written anew after each script, so that a killed run loses one script and the next call goes on behind it.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from side_by_side import VARIABLE, Row, table

ROOT = Path(__file__).parents[1]
KEPT, PAGE = ROOT / "results" / "bench", ROOT / "reports" / "performance.md"
SCRIPTS = (
    "start_up",
    "shapes_scoring",
    "checkpoint_overhead",
    "one_step_speed",
    "peers_speed",
    "step_parts",
    "part_rates",
    "geneval_batches",
    "fidelity_speed",
    "drift_speed",
    "status_scale",
    "load_sweep",
)
SHARED = ("run_all", "side_by_side", "memory", "paper_shaped")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in SHARED)
    parser.add_argument("scripts", nargs="*", metavar="NAME", help=f"of {', '.join(known)}")
    parser.add_argument("--again", action="store_true", help="measure anew what was measured at this commit")
    asked = parser.parse_args()
    unknown = set(asked.scripts) - set(known)
    if unknown:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    failed = []
    for name in asked.scripts or SCRIPTS:
        if asked.again or asked.scripts or kept(name).get("commit") != commit():
            print(f"== {name}", flush=True)
            failed += [] if measure(name) else [name]
            write_page()
    print(f"{PAGE.relative_to(ROOT)} is written." + (f" Failed: {', '.join(failed)}." if failed else ""))
    return int(bool(failed))


def measure(name: str) -> bool:
    """Run one script; keep its rows only if it went to its end."""
    KEPT.mkdir(parents=True, exist_ok=True)
    rows = KEPT / f"{name}.rows"
    rows.unlink(missing_ok=True)
    variables = os.environ | {VARIABLE: str(rows), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, str(ROOT / "benchmarks" / f"{name}.py")], env=variables, check=False)
    if done.returncode == 0 and rows.exists():
        found = {"commit": commit(), "torch": version("torch"), "machine": machine()}
        (KEPT / f"{name}.json").write_text(json.dumps(found | {"rows": json.loads(rows.read_text())}, indent=1))
    rows.unlink(missing_ok=True)
    return done.returncode == 0


def kept(name: str) -> dict:
    """Read what was measured last; {} if nothing was."""
    path = KEPT / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def write_page() -> None:
    """Write the table of all scripts' last rows, each under where and at which commit it was measured."""
    mark = "<!-- Made by benchmarks/run_all.py from what the scripts measured. -->"
    parts = [mark, "", "# Performance", "", INTRODUCTION]
    for path in sorted(KEPT.glob("*.json")):
        found = json.loads(path.read_text())
        rows = [Row(**row) for row in found["rows"]]
        where = f"`{path.stem}.py` at commit {found['commit']}, torch {found['torch']}, {found['machine']}."
        parts += ["", where, "", table(rows)]
    PAGE.write_text("\n".join(parts) + "\n")


INTRODUCTION = (
    "Each side is measured in turn with the other in one process, in CPU time of one thread unless the row says "
    "otherwise. `ratio` is what the goal is about; `spread` is half the distance between the quartiles of the repeats "
    "over their median; rows without a goal are only to be known. What limits each: docs/performance.md."
)


def commit() -> str:
    """Name the commit, with a + behind it if files that are kept in it have changed since."""
    name = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!reports")
    return f"{name}+" if changed else name


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def machine() -> str:
    """Name the processor and how many cores there are."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f"{model or platform.machine()}, {os.cpu_count()} cores, no GPU"


if __name__ == "__main__":
    sys.exit(main())
