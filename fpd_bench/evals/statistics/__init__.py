"""How sure a table may be of its numbers.

Door: `score` for a row, `compare` for a pair (one interval, one p, which know of seeds, prompts and their interaction);
from these come `verdict`, `may_be_best`, declared looks (`constant_level`) and what a table could have seen (`power`).
It never reads a file, draws a run or loads torch. docs/statistics.md says why these rules and how often they are wrong.
"""

from fpd_bench.evals.statistics.best_set import may_be_best
from fpd_bench.evals.statistics.compare import Comparison, compare, compare_wholes
from fpd_bench.evals.statistics.estimate import ALPHA, LEVEL, Estimate
from fpd_bench.evals.statistics.families import holm, p_of_claim, verdict
from fpd_bench.evals.statistics.looks import constant_level, sequential_p
from fpd_bench.evals.statistics.new_seed import probability_of_win
from fpd_bench.evals.statistics.rows import gap, score, whole_score
from fpd_bench.evals.statistics.scores import Scores

__all__ = [
    "ALPHA",
    "LEVEL",
    "Comparison",
    "Estimate",
    "Scores",
    "compare",
    "compare_wholes",
    "constant_level",
    "gap",
    "holm",
    "may_be_best",
    "p_of_claim",
    "probability_of_win",
    "score",
    "sequential_p",
    "verdict",
    "whole_score",
]
