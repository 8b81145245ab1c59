"""How sure a table may be of its numbers: one interval a row, one interval and one p a pair, and what follows.

Door: `score`, `whole_score`, `gap`, `compare`, `compare_wholes`; `p_of_claim`, `holm`, `verdict`, `may_be_best`;
`constant_level` and `sequential_p` for declared looks; `power`, `floor`, `published_worth`, `probability_of_win`.
It never reads a file and never loads torch. Why these rules, and how often they are wrong: docs/statistics.md.
"""

from fpd_bench.evals.statistics.best_set import may_be_best
from fpd_bench.evals.statistics.compare import Comparison, compare, compare_wholes
from fpd_bench.evals.statistics.families import holm, p_of_claim, verdict
from fpd_bench.evals.statistics.interval import ALPHA, Estimate
from fpd_bench.evals.statistics.looks import constant_level, sequential_p
from fpd_bench.evals.statistics.new_seed import probability_of_win
from fpd_bench.evals.statistics.row_estimate import gap, score, whole_score
from fpd_bench.evals.statistics.score_table import Scores

__all__ = [
    "ALPHA",
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
