"""Which trials have earned more: successive halving over levels, and paired prompts to give the hopeless up.

At each level the best 1 / keep of the trials that are there may climb, unless they are told apart from the best one.
The rule looks at values that never change, from the cheapest level up, so a search that was killed decides alike.
"""

from collections.abc import Collection, Sequence
from itertools import pairwise

from fpd_bench.config.searches.search_spec import Search
from fpd_bench.searching.board import Board, RaceLevel, directions
from fpd_bench.searching.history import Trial
from fpd_bench.searching.pruning import hopeless
from fpd_bench.store.query import Store


def ranked(search: Search, trials: Sequence[Trial], board: Board, level: RaceLevel) -> list[Trial]:
    """Give the trials that have reached a level within all limits, the best first by the first objective."""
    way = directions(search)[0]
    found = {
        trial.number: values for trial in trials if (values := board.values(trial, level)) and board.feasible(trial)
    }
    return sorted((t for t in trials if t.number in found), key=lambda t: (-way * found[t.number][0], t.number))


def climbers(
    search: Search, store: Store, trials: Sequence[Trial], board: Board, given_up: Collection[int] = (), least: int = 0
) -> tuple[RaceLevel, list[Trial]] | None:
    """Give the trials that may climb next, and to which level; None if nobody may.

    given_up: numbers of trials that cannot climb in this call, for their runs have failed. least: how many climb at
    each level however few there are: 1 once no trial is to come, so that the winner has seen all seeds.
    """
    for level, above in pairwise(board.levels):
        there = [
            trial
            for trial in ranked(search, trials, board, level)
            if trial.number not in given_up and not board.lost(trial, above)
        ]
        share = max(len(there) // search.race.keep, least)
        due = [
            trial
            for trial in there[:share]
            if board.values(trial, above) is None and not hopeless(search, store, board, trial, there[0], level)
        ]
        if due:
            return above, due
    return None


def winner(search: Search, trials: Sequence[Trial], board: Board) -> Trial | None:
    """Give the best trial of those that have seen all seeds; None as long as there is none."""
    return next(iter(ranked(search, trials, board, board.levels[-1])), None)


def pareto_front(search: Search, trials: Sequence[Trial], board: Board) -> list[Trial]:
    """Give the trials with whole runs that no other beats in one objective without being worse in another."""
    ways, complete = directions(search), board.levels[len(search.race.steps) :]
    values = {}
    for trial in trials:
        level = board.highest(trial)
        if level in complete and level and board.feasible(trial):
            found = board.values(trial, level) or ()
            values[trial.number] = [way * value for way, value in zip(ways, found, strict=True)]

    def beaten(mine: list[float]) -> bool:
        return any(other != mine and all(b >= a for a, b in zip(mine, other, strict=True)) for other in values.values())

    return [trial for trial in trials if trial.number in values and not beaten(values[trial.number])]
