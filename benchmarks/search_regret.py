"""Is a sampler better than random search at equal budget? Regret on a response surface that is made of real runs.

    python -m fpd_bench.search sweeps/search_shapes.yaml search.trials=70      # all configurations, as runs
    python benchmarks/search_regret.py --record results                        # their scores -> the surface's file
    python benchmarks/search_regret.py [--trials 20] [--repeats 10] [--figure docs/figures/search_regret.png]

Every configuration of the space has been run once at the search's first seed, so the best is known. A search is then
replayed on the file: the samplers are asked as `search` asks them, one trial at a time, and only the scores are looked
up. Regret: the best score of the surface minus the best found so far. All searches begin with the paper's setting.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from fpd_bench.config.searches.search_spec import load_search
from fpd_bench.evals.statistics import set_metric_score
from fpd_bench.searching.board import Board, levels
from fpd_bench.searching.estimates import estimated
from fpd_bench.searching.history import Trial, as_text
from fpd_bench.searching.study import next_params
from fpd_bench.searching.study_look import look

FILE = Path("sweeps/search_shapes.yaml")
SURFACE = Path("docs/search_surface.csv")
SAMPLERS = ("random", "tpe", "gp", "nsga2")  # cmaes has nothing to do in a space of choices and subsets
MARKS = (5, 10, 20, 40)  # trials after which the table gives the regret
COLOURS = {"random": "#8a8f98", "tpe": "#1f5fa8", "gp": "#c2571a", "nsga2": "#3f8f5f"}
DASHES = {"random": "-", "tpe": (0, (5, 2)), "gp": (0, (2, 2)), "nsga2": "-."}  # curves that coincide stay visible


class Surface(Board):
    """The recorded scores in place of an index: of one seed, by configuration."""

    def __init__(self, search, scores):
        self.search, self.levels, self.scores = search, levels(search), scores

    def values(self, trial, level):
        return (self.scores[key(trial.params)],)

    def over(self, trial):
        return {}


def key(params):
    """A configuration as its row has it."""
    return tuple(as_text(value) for value in params.values())


def record(results):
    """Write the score of every configuration with its interval, seed and run, as the index has it."""
    search = load_search(FILE)
    with look(search, results, f"sqlite:///{results}/index.sqlite") as seen:
        rows = []
        for one in estimated(replace(search, seeds=search.seeds[:1]), seen):
            row = {name: as_text(value) for name, value in one.trial.params.items()}
            run = one.trial.runs[search.seeds[0]]
            (score,) = seen.board.values(one.trial, levels(search)[0])
            row |= {"seed": search.seeds[0], "score": f"{score:.6f}", "low": f"{one.score.low:.6f}"}
            row |= {"high": f"{one.score.high:.6f}", "run": run.run_id}
            rows.append(row | {"diversity_kept": "" if one.kept is None else f"{one.kept:.4f}"})
    frame = pd.DataFrame(rows).sort_values(["gan.weight", "drift.bandwidths"])
    frame.to_csv(SURFACE, index=False)
    print(f"{SURFACE}: {len(frame)} configurations")


def read():
    """{configuration: score} of the surface."""
    frame = pd.read_csv(SURFACE, dtype={"gan.weight": str, "drift.bandwidths": str})
    names = [one.field for one in load_search(FILE).space]
    return {tuple(row): float(score) for *row, score in frame[[*names, "score"]].itertuples(index=False)}


def replay(sampler, repeat, trials, scores):
    """Regret after 1, 2, ... trials of one search."""
    search = load_search(FILE, [f"search.sampler={sampler}", f"search.trials={trials}", "search.parallel=1"])
    file = replace(search.file, name=f"repeat-{repeat}")  # which seeds the sampler
    search = replace(search, file=file, seeds=search.seeds[:1])
    board, found = Surface(search, scores), []
    while len(found) < trials:
        found.append(Trial(len(found), next_params(search, found, board), {}))
    seen = np.array([scores[key(trial.params)] for trial in found])
    return max(scores.values()) - np.maximum.accumulate(seen)


def said(numbers, sign=""):
    """Their mean with a 95% interval over repeats."""
    one = set_metric_score(list(map(float, numbers)))
    return f"{one.value:{sign}.4f} [{one.low:{sign}.4f}, {one.high:{sign}.4f}]"


def table(regret):
    """A line for each sampler."""
    rows = []
    for sampler, found in regret.items():
        row = {"sampler": sampler}
        row |= {f"after {n}": said(found[:, n - 1]) for n in MARKS if n <= found.shape[1]}
        row |= {"mean over trials": said(found.mean(1))}
        less = regret["random"].mean(1) - found.mean(1)
        rows.append(row | {"less than random": "" if sampler == "random" else said(less, "+")})
    return pd.DataFrame(rows)


def draw(regret, path):
    """Mean regret by trial, with its 95% interval over repeats."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 3.6), layout="constrained")
    axes = figure.subplots()
    for sampler, found in regret.items():
        ends = [set_metric_score(list(map(float, column))) for column in found.T]
        trials = np.arange(1, found.shape[1] + 1)
        axes.plot(trials, found.mean(0), color=COLOURS[sampler], label=sampler, lw=1.8, ls=DASHES[sampler])
        low, high = [max(one.low, 0) for one in ends], [one.high for one in ends]
        axes.fill_between(trials, low, high, color=COLOURS[sampler], alpha=0.13, lw=0)
    axes.set(xlabel="trials", ylabel="regret (Overall)", ylim=(0, None), xlim=(1, trials[-1]))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(axis="y", color="#e4e6ea", linewidth=0.8)
    axes.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", type=Path, metavar="RESULTS", help="write the surface from these results and stop")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--figure", type=Path)
    asked = parser.parse_args()
    if asked.record:
        return record(asked.record)
    scores = read()
    ranked = sorted(scores.values())
    print(
        f"{len(scores)} configurations, scores from {ranked[0]:.3f} to {ranked[-1]:.3f}, median {np.median(ranked):.3f}"
    )
    regret = {
        sampler: np.array([replay(sampler, repeat, asked.trials, scores) for repeat in range(asked.repeats)])
        for sampler in SAMPLERS
    }
    print(table(regret).to_markdown(index=False))
    if asked.figure:
        draw(regret, asked.figure)
    return None


if __name__ == "__main__":
    main()
