"""What a search would do, before it does anything: its space, its budget, what a trial costs, its next trials."""

import math
from pathlib import Path

from fpd_bench.config.schema import RunConfig
from fpd_bench.config.searches.search_spec import Search
from fpd_bench.runs.watch import past_durations
from fpd_bench.searching import samplers
from fpd_bench.searching.board import Board, levels
from fpd_bench.searching.history import Trial
from fpd_bench.searching.study import next_params
from fpd_bench.searching.study_look import Look
from fpd_bench.searching.variety import measure, sentence

FIRST = 5  # trials that are shown


def preview(search: Search, seen: Look, results: Path) -> str:
    """Give the plan as lines of text."""
    trials = seen.trials
    lines = [f"Study {search.name}: {len(trials)} of {search.trials} trials are in the index.", "", "Space:"]
    lines += [f"  {one}" for one in search.space]
    sizes = [one.axis.size for one in search.space]
    size = math.prod(sizes)
    lines += [f"  {'infinitely many' if math.isinf(size) else f'at most {size:,.0f}'} configurations", ""]
    lines += [*budget(search), "", *cost(search, results), "", *_next(search, trials, seen.board)]
    return "\n".join([*lines, *([f"So far the best: {seen.best.label}"] if seen.best else [])])


def budget(search: Search) -> list[str]:
    """Say how many runs the trials can take, level by level."""
    by_level, there = [], search.trials
    for n, level in enumerate(levels(search)):
        there = search.trials if n == 0 else max(there // search.race.keep, 1)
        by_level.append(f"at most {there} reach {level}" if n else f"all reach {level}")
    pair = 2 * (len(search.seeds) + len(search.file.confirm))
    seeds, new = (
        f"{n} {word}{'s' * (n != 1)}"
        for n, word in ((len(search.seeds), "seed"), (len(search.file.confirm), "new seed"))
    )
    return [
        (
            f"Budget: {search.trials} trials, {search.parallel} at once, sampler {samplers.chosen(search)}; "
            f"{', '.join(by_level)}."
        ),
        (
            f"Then the winner and the baseline run again: {seeds} on validation prompts "
            f"and {new} on test prompts, at most {pair} runs."
        ),
        sentence(search),
    ]


def most_runs(search: Search) -> int:
    """Say how many runs the whole search makes at most; a run that pauses is one."""
    there, total = search.trials, search.trials
    for _ in search.race.steps:
        there = max(there // search.race.keep, 1)
    for _ in search.seeds[1:]:
        there = max(there // search.race.keep, 1)
        total += there
    return total + 2 * (len(search.seeds) + len(search.file.confirm)) + bool(measure(search))


def cost(search: Search, results: Path) -> list[str]:
    """Say what one trial takes, and all, as far as runs alike have been made here."""
    one = past_durations.expected_time([search.config({}, search.seeds[0])], results)
    runs = most_runs(search)
    if not one.runs:
        return [
            (
                "Time of a trial: unknown, because no run of this method and track has finished here yet. At most "
                f"{runs} runs."
            )
        ]
    return [
        (
            f"Time of a trial: about {one.seconds:.0f} s, from {one.seen} finished runs of the same kind. At most "
            f"{runs} runs, which take {one.seconds * runs / 3600:.1f} hours of one worker."
        )
    ]


def a_trial(search: Search, seen: Look) -> RunConfig:
    """Give the configuration of the next trial, or of the baseline where none is left: what a trial is priced by."""
    params = next_params(search, seen.trials, seen.board)
    return search.baseline if params is None else search.config(params, search.seeds[0])


def _next(search: Search, trials: list[Trial], board: Board) -> list[str]:
    """List the next trials as they would be asked for now; those of another generation say that they may change."""
    found, lines = list(trials), ["Next trials:"]
    end = min(search.trials, len(trials) + max(FIRST, search.parallel))
    sure = len(trials) // search.parallel * search.parallel + search.parallel
    while len(found) < end:
        params = next_params(search, found, board)
        if params is None:
            return [*lines, "  none: every configuration of the space has been tried"]
        trial = Trial(len(found), params, {})
        found.append(trial)
        lines.append(f"  {trial.label}{'' if trial.number < sure else '  (may change with the results before it)'}")
    return lines if len(lines) > 1 else ["All trials of the budget have been made."]
