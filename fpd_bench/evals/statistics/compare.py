"""Row A minus row B: the one test and the one interval of a pair, whatever asks for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from fpd_bench.errors import ConfigError
from fpd_bench.evals.statistics import crossed, row_estimate
from fpd_bench.evals.statistics.interval import ALPHA, Estimate
from fpd_bench.evals.statistics.looks import constant_level, sequential_p
from fpd_bench.evals.statistics.mean import Mean
from fpd_bench.evals.statistics.score_table import Scores


@dataclass(frozen=True)
class Comparison:
    """A minus B, paired by seed, prompt and image. per_seed: the difference of each seed, in their order.

    looks: the numbers of seeds at which the two rows are compared until a claim is decided, () if only once, with all
    seeds; earlier: the means at the looks before `mean`, which is that of the latest.
    """

    mean: Mean
    per_seed: tuple[float, ...]
    looks: tuple[int, ...] = ()
    earlier: tuple[Mean, ...] = ()

    @property
    def difference(self) -> Estimate:
        """Give the difference and its interval, which excludes 0 exactly when p < .05. Of several looks, the one that
        decided; each has an interval at the constant level, so that all hold together in 95% of tables."""
        return self.decisive().interval(constant_level(self.looks) if self.looks else ALPHA)

    @cached_property
    def p(self) -> float | None:
        """Give the two-sided p of this comparison alone; None with one seed, which can show no verdict."""
        return self._p_against(0.0)

    def against(self, value: float) -> float | None:
        """Give the two-sided p of the hypothesis that the difference is `value`; None with one seed."""
        return self.p if value == 0 else self._p_against(value)

    def _p_against(self, value: float) -> float | None:
        if len(self.per_seed) < 2:
            return None
        at_looks = [float(mean.p(value)) for mean in (*self.earlier, self.mean)]
        return sequential_p(at_looks, self.looks) if self.looks else at_looks[-1]

    def rejects(self, value: float, alpha: float) -> bool:
        """Say whether the difference is told from `value` at level `alpha`; never with one seed."""
        if not self.looks:  # without p, which takes 60 times as long
            return len(self.per_seed) > 1 and bool(self.mean.rejects(value, alpha))
        p = self.against(value)
        return p is not None and p < alpha

    def decisive(self, value: float = 0.0) -> Mean:
        """Give the mean of the first look that told the difference from `value`; of the latest, if none did."""
        if self.looks:
            level = constant_level(self.looks)
            for mean in self.earlier:
                if float(mean.p(value)) < level:
                    return mean
        return self.mean

    def turned(self) -> "Comparison":
        """Give B minus A."""
        earlier = tuple(mean.negative() for mean in self.earlier)
        return Comparison(self.mean.negative(), tuple(-value for value in self.per_seed), self.looks, earlier)


def over_looks(at_looks: Sequence[Comparison], looks: Sequence[int]) -> Comparison:
    """Join the comparisons of a pair after the first of its declared `looks`, in their order, into one.

    Raises ConfigError for none, or for more comparisons than looks.
    """
    if not 0 < len(at_looks) <= len(looks):
        raise ConfigError(f"{len(at_looks)} comparisons at looks {list(looks)}; expected 1 to {len(looks)}.")
    latest = at_looks[-1]
    return Comparison(latest.mean, latest.per_seed, tuple(looks), tuple(one.mean for one in at_looks[:-1]))


def compare(a: Scores, b: Scores, label: str = "the two rows") -> Comparison:
    """Compare A minus B on the same seeds, prompts and images. Raises ConfigError if they are not the same."""
    gap = a.minus(b, label)
    found = crossed.mean(gap.prompt_means, gap.weights, gap.strata)
    return Comparison(found, tuple(gap.per_seed.tolist()))


def compare_set_metrics(a: dict[int, float], b: dict[int, float], label: str = "the two rows") -> Comparison:
    """Compare A minus B of whole sets, {seed: number}. Raises ConfigError for other seeds, or fewer than two."""
    if a.keys() != b.keys() or len(a) < 2:
        raise ConfigError(
            f"{label}: numbers of all images together can only be compared over two or more seeds that both rows have."
        )
    differences = [a[seed] - b[seed] for seed in sorted(a)]
    return Comparison(row_estimate.over_seeds(differences), tuple(differences))
