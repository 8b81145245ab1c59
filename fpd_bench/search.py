"""Search a space of settings, confirm the winner on fresh seeds and test prompts, and write the study's page.

    python -m fpd_bench.search sweeps/search_lambda_bandwidths.yaml --dry-run
    python -m fpd_bench.search sweeps/search_lambda_bandwidths.yaml
    python -m fpd_bench.search sweeps/search_lambda_bandwidths.yaml search.trials=20 search.sampler=tpe

The same command continues what was interrupted; trials are runs, and those that are there already count. key=value is
as for a sweep (executor=local|inline|slurm, profile=NAME, seeds=[100,101], any field), and
  gan.weight='tag(log,interval(0.01,1))'  searches a field, gan.weight=0.1 fixes it;
  search.trials=N search.parallel=N search.sampler=NAME  replace what the file says.
--export FILE writes the study for optuna-dashboard. docs/search.md explains the file.
Exit code: 0 the search is over (or goes on in jobs), 1 some runs have no result, 2 the request is wrong, 130 Ctrl-C.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fpd_bench.cli import Parser, carry_out, leave, out_file
from fpd_bench.store import address

if TYPE_CHECKING:
    from fpd_bench.config.searches.search_spec import Search
    from fpd_bench.config.sweeps.cells import Sweep
    from fpd_bench.costs.gpu_choice import PlanRequest

RESULTS = Path("results")


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, call, print."""
    return carry_out(lambda: _answer(arguments))


def parser() -> argparse.ArgumentParser:
    """Make the parser of this command."""
    form = argparse.RawDescriptionHelpFormatter
    made = Parser("python -m fpd_bench.search", description=__doc__, formatter_class=form)
    made.add_argument("file", help="the search, for example sweeps/search_lambda_bandwidths.yaml")
    made.add_argument("overrides", nargs="*", metavar="key=value", help="fields to set or to search, see above")
    made.add_argument("--dry-run", action="store_true", help="show space, budget, cost and the next trials, and stop")
    made.add_argument("--detach", action="store_true", help="with executor=slurm: submit what is due and leave")
    made.add_argument("--cancel", action="store_true", help="take the search's runs back from their SLURM jobs")
    made.add_argument("--export", type=out_file, metavar="FILE", help="write the study as SQLite, for optuna-dashboard")
    made.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="default: results")
    made.add_argument("--out", type=Path, default=Path("reports"), metavar="DIR", help="page; default: reports")
    return made


def _answer(arguments: Sequence[str] | None) -> int:
    url, rest = address.take_url(arguments)
    asked = parser().parse_intermixed_args(rest)  # overrides may follow flags
    asked.url = url or address.default_url(asked.results)
    os.environ.pop(address.VARIABLE, None)  # workers and jobs never open the index
    return _search(asked)


def _search(asked: argparse.Namespace) -> int:
    from fpd_bench.config.searches.search_spec import load_search
    from fpd_bench.costs.gpu_choice import split_plan
    from fpd_bench.runs.execute import sweep_plan
    from fpd_bench.runs.execute.executor import choose_executor
    from fpd_bench.runs.execute.options import split_executor
    from fpd_bench.runs.execute.preflight import check_machine, missing_files
    from fpd_bench.searching.rounds import Rounds
    from fpd_bench.searching.samplers import check_sampler
    from fpd_bench.searching.search_sweep import final_sweep
    from fpd_bench.searching.variety import sentence

    options, overrides = split_executor(asked.overrides)
    priced, overrides = split_plan(overrides)
    search = load_search(asked.file, overrides)
    check_sampler(search)
    alike = final_sweep(search, {})  # runs that need what every trial needs
    executor = choose_executor(options, alike)
    if asked.cancel:
        _say(executor.cancel(_everything(search, asked), asked.results))
        return 0
    _say(executor.check(alike, asked.detach))
    if asked.dry_run:
        return _dry_run(search, asked, priced)
    if asked.export:
        return _export(search, asked)
    from fpd_bench.assets.missing import provide

    provide(missing_files(alike.runs().values()))
    check_machine(alike.runs().values(), here=executor.here)
    sweep_plan.check_results(asked.results)
    _say(sentence(search))
    rounds = Rounds(search, executor, asked.results, asked.url, _say, asked.detach)
    code = rounds.carry_out()
    _conclude(search, asked)
    if code is not None:
        return code
    if rounds.exhausted:
        _say("All configurations of the space have been tried.")
    if rounds.failed:
        _say(f"{len(rounds.failed)} runs have no result. The same command tries them again.")
    return int(bool(rounds.failed))


def _everything(search: "Search", asked: argparse.Namespace) -> "Sweep":
    """Give all runs that the search knows of."""
    from fpd_bench.searching.search_sweep import known_sweep
    from fpd_bench.searching.study_look import look

    with look(search, asked.results, asked.url) as seen:
        return known_sweep(search, seen.trials, seen.best)


def _dry_run(search: "Search", asked: argparse.Namespace, priced: "PlanRequest") -> int:
    from fpd_bench.assets.missing import refuse
    from fpd_bench.costs import plan_report as costs
    from fpd_bench.runs.execute.preflight import check_machine, missing_files
    from fpd_bench.searching.preview import a_trial, preview
    from fpd_bench.searching.study_look import look

    with look(search, asked.results, asked.url) as seen:
        print(preview(search, seen, asked.results))
        trial = {"trial": a_trial(search, seen)}
    if priced.gpu or search.profile == "paper":
        print(costs.report(trial, {"trial": "one trial at one seed"}, priced))
    lacking = missing_files(trial.values())
    for one in lacking:
        print(one.message)
    refuse(lacking)
    check_machine(trial.values(), here=False)
    return 0


def _export(search: "Search", asked: argparse.Namespace) -> int:
    from fpd_bench.searching.optuna_storage import export
    from fpd_bench.searching.study_look import look

    with look(search, asked.results, asked.url) as seen:
        export(search, seen.trials, seen.board, asked.export)
        print(f"{len(seen.trials)} trials: optuna-dashboard sqlite:///{asked.export}")
    return 0


def _conclude(search: "Search", asked: argparse.Namespace) -> None:
    """Print what the winner is worth as far as that is known, and write the page."""
    from fpd_bench.searching.study_look import look
    from fpd_bench.searching.study_page import write_study
    from fpd_bench.searching.winner_worth import worth

    with look(search, asked.results, asked.url) as seen:
        found = worth(search, seen)
        if found:
            print("\n".join(found.lines()))
        if any(seen.board.highest(trial) for trial in seen.trials):
            for path in write_study(search, seen, found, asked.out):
                print(path)


def _say(text: str) -> None:
    """Print what is no result; nothing for ''."""
    print(text, end="\n" if text else "", file=sys.stderr)


if __name__ == "__main__":
    leave(main)
