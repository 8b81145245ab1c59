"""Carry one run from where it stands to its end, in this process: what every executor does with a run directory.

    python -m fpd_bench.worker results/runs/3f9c0a1b2d4e
    torchrun --nproc-per-node 4 -m fpd_bench.worker results/runs/3f9c0a1b2d4e

Exit code: 0 the run has a result, 1 it failed, was stopped or is another process's, 2 it is no run directory, 130 it
was stopped by Ctrl-C.
"""

import argparse
import signal
from collections.abc import Sequence

from fpd_bench.cli import STOPPED, Parser, carry_out, leave
from fpd_bench.store import address


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, carry the run out and print how it ended; return the exit code."""
    return carry_out(lambda: _carry_out_run(_parser().parse_args(address.take_url(arguments)[1])))  # needs no index


def _parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    parser = Parser("python -m fpd_bench.worker", description=__doc__, formatter_class=form)
    parser.add_argument("run_dir", metavar="RUN_DIR")
    return parser


def _carry_out_run(asked: argparse.Namespace) -> int:
    from fpd_bench.runs.folder.rundir import RunDir

    run = RunDir(asked.run_dir)
    device = run.config().execution.device  # a wrong path is refused before torch is imported
    from fpd_bench.runs.folder.outcome import Outcome
    from fpd_bench.runs.folder.stop_signals import stop_flag
    from fpd_bench.runs.perform.ranks import lead_or_follow
    from fpd_bench.runs.perform.stages import Bench, perform

    with stop_flag() as stop:
        outcome = lead_or_follow(device, lambda: perform(run, Bench()), Outcome(run.run_id, "done", "(a rank of it)"))
    print(f"{outcome.run_id} {outcome.words}")
    return 0 if outcome.finished else STOPPED if stop.signal == signal.SIGINT else 1


if __name__ == "__main__":
    leave(main)
