"""CPU seconds of `--help` and of a completion, against `import hydra`.

    python benchmarks/start_up.py [--repeats 7]

Each is a process of its own, in turn. Goals: help 1.2 times `import hydra`; a completion 100 ms of CPU.
"""

import argparse
import os
import subprocess
import sys

from side_by_side import Row, milliseconds, report, spread

MAIN = [sys.executable, "-c", "from fpd_bench.main import run; run()"]
HELP = {
    "fpd-bench --help": [*MAIN, "--help"],
    **{f"{verb} --help": [*MAIN, verb, "--help"] for verb in ("sweep", "report", "status", "search", "sample")},
}
LINES = ("fpd-bench sw", "fpd-bench sweep smo", "fpd-bench sweep smoke optim.", "fpd-bench sweep smoke method=")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    asked = parser.parse_args()
    bare, hydra = [sys.executable, "-c", ""], [sys.executable, "-c", "import hydra"]
    calls = {"python": (bare, {}), "import hydra": (hydra, {})}
    calls |= {name: (words, {}) for name, words in HELP.items()}
    calls |= {f"TAB behind '{line}'": (MAIN, completing(line)) for line in LINES}
    used: dict[str, list[float]] = {name: [] for name in calls}
    for repeat in range(1 + asked.repeats):
        for name, (words, variables) in calls.items():
            seconds = cpu(words, variables)
            if repeat:
                used[name].append(seconds)
    middle = {name: sorted(seconds)[len(seconds) // 2] for name, seconds in used.items()}
    rows = []
    for name in calls:
        if name in ("python", "import hydra"):
            continue
        tab = name.startswith("TAB")
        against = "python alone" if tab else "import hydra"
        other = middle["python" if tab else "import hydra"]
        ratio = 1000 * middle[name] if tab else middle[name] / other
        rows.append(Row(name, against, milliseconds(middle[name]), milliseconds(other), ratio, asked.repeats,
                        spread(used[name]), "< 100 ms" if tab else "<= 1.2"))  # fmt: skip
    report(*rows)


def completing(line: str) -> dict[str, str]:
    """Variables that a shell sets when TAB is pressed."""
    where = {"COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_STDOUT_FILENAME": os.devnull}
    return {"_ARGCOMPLETE": "1", **where}


def cpu(words: list[str], variables: dict[str, str]) -> float:
    done = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | variables)
    usage = os.wait4(done.pid, 0)[2]
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
