"""Remove what no table needs: runs that no sweep file asks for under any profile, checkpoints of finished runs, and
temporary files of processes that were killed. A run that is running or queued, one that differs from a needed run by
its seed only, and whatever is no run of ours stay.

    python -m fpd_bench.clean --dry-run
    python -m fpd_bench.clean sweeps/table3.yaml sweeps/table4.yaml
    python -m fpd_bench.clean sweeps/*.yaml optim.steps=2000 --yes

Without files: all of sweeps/*.yaml. Overrides add the runs that a sweep makes with them. Exit code: 0 all is well,
1 you said no, 2 the request is wrong.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from fpd_bench.cli import Parser, carry_out, leave
from fpd_bench.errors import ConfigError
from fpd_bench.records import layout
from fpd_bench.store import address


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, call, print."""
    # Overrides may follow flags.
    return carry_out(lambda: _clean(parser().parse_intermixed_args(address.take_url(arguments)[1])))


def parser() -> argparse.ArgumentParser:
    """Make the parser of this command."""
    form = argparse.RawDescriptionHelpFormatter
    made = Parser("python -m fpd_bench.clean", description=__doc__, formatter_class=form)
    made.add_argument("sweeps", nargs="*", help="sweep files and overrides key=value (default: sweeps/*.yaml)")
    made.add_argument(
        "--results", type=Path, default=Path("results"), metavar="DIR", help="folder with runs/ (default: results)"
    )
    made.add_argument("--dry-run", action="store_true", help="say what would be removed, and stop")
    made.add_argument("--yes", action="store_true", help="do not ask")
    return made


def _clean(asked: argparse.Namespace) -> int:
    from fpd_bench.runs.cleanup import collect

    if not (asked.results / layout.RUNS).is_dir():
        raise ConfigError(f"No runs in '{asked.results}'. Name the folder that holds runs/: --results DIR")
    plan = collect.plan_cleanup(asked.results, asked.sweeps)
    print(plan.text())
    if asked.dry_run or not plan.found:
        return 0
    if not asked.yes and not _agreed(f"Remove {len(plan.found)} things, {collect.size_text(plan.bytes)}?"):
        print("Nothing was removed.")
        return 1
    print(collect.carry_out(plan).text())
    return 0


def _agreed(question: str) -> bool:
    """Ask the user. Raises ConfigError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise ConfigError("Nobody is there to confirm: give --yes to remove these, or --dry-run to look only.")
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


if __name__ == "__main__":
    leave(main)
