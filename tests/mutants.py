"""Ask of mutants of the code, by mutmut, whether the fast tests notice them: all, or a random sample of each room.

    make mutants                         every mutant: hours
    make mutants ARGS="--sample 150"     at most 150 of each room, always the same ones: about half an hour of one core

The figure of a sample has a 95% interval (Wilson's), which holds for all mutants of the room. Mutants that a run has
answered are not asked again; `rm -r mutants` forgets the answers.
"""

import argparse
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from scipy.stats import binomtest

ROOMS = {
    "fpd_bench.distill.drift": "distill/drift",
    "fpd_bench.evals.statistics": "evals/statistics",
    "fpd_bench.records": "records",
    "fpd_bench.runs.folder": "runs/folder",
}
MUTMUT = str(Path(sys.executable).with_name("mutmut"))
OPEN, NOTICED = "not checked", ("killed", "timeout", "segfault", "suspicious")


def main() -> None:
    """Ask, and print for each room how many of its mutants the tests noticed."""
    parser = argparse.ArgumentParser(prog="make mutants")
    parser.add_argument("--sample", type=int, metavar="N", help="mutants of each room (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="of the sample (default: 0)")
    parser.add_argument("--jobs", type=int, default=1, help="mutants at once (default: 1)")
    asked = parser.parse_args()
    run = [MUTMUT, "run", "--max-children", str(asked.jobs)]
    if asked.sample is None:
        subprocess.run(run, check=True)
    else:
        subprocess.run([*run, "fpd_bench.records.run_status*"], check=True)  # a few, to make all of them
        known = states()
        chosen = [name for room in ROOMS for name in sample(of_room(room, known), asked.sample, asked.seed)]
        left = [name for name in chosen if known[name] == OPEN]
        if left:
            subprocess.run([*run, *left], check=True)
    report(asked.sample, asked.seed)


def states() -> dict[str, str]:
    """Read {mutant: what became of it}, in mutmut's words."""
    done = subprocess.run([MUTMUT, "results", "--all", "true"], capture_output=True, text=True, check=True)
    return dict(line.strip().rsplit(": ", 1) for line in done.stdout.splitlines() if ": " in line)


def of_room(room: str, known: Iterable[str]) -> list[str]:
    """List the room's mutants among those that are known, sorted."""
    return sorted(name for name in known if name.startswith(room))


def sample(names: list[str], size: int | None, seed: int) -> list[str]:
    """Draw so many of them, in random order; all of them if they are fewer or no size is given."""
    return random.Random(seed).sample(names, len(names) if size is None else min(size, len(names)))


def report(size: int | None, seed: int) -> None:
    """Print a line for each room."""
    found = states()
    for room, title in ROOMS.items():
        names = of_room(room, found)
        chosen = [name for name in sample(names, size, seed) if found[name] != OPEN]
        count = Counter(found[name] for name in chosen)
        noticed = sum(count[state] for state in NOTICED)
        if chosen:
            low, high = binomtest(noticed, len(chosen)).proportion_ci(method="wilson")
            interval = f" [{low:.0%}, {high:.0%}]" if len(chosen) < len(names) else ""
            states_of_rest = ", ".join(f"{count[state]} {state}" for state in count if state not in NOTICED)
            print(f"{title}: {noticed} of {len(chosen)} noticed, {noticed / len(chosen):.0%}{interval}", end="")
            print(f" (of {len(names)} mutants; {states_of_rest or 'none left'})")
    print(f"One of them: {MUTMUT} show NAME; all that were not noticed: {MUTMUT} results")


if __name__ == "__main__":
    main()
