"""What Di4C and ReDi can learn of XOR at best, worked out on all its outcomes. No test itself; docs/methods.md tells.

Letters: M members of a mixture; gamma(r) = arccos(r) / (pi / 2) the chance of each token to be hidden at time r.
"""

import math
from itertools import product

import torch
from torch import Tensor, nn

OUTCOMES = torch.cartesian_prod(torch.arange(2), torch.arange(2))  # of two tokens, [4, 2]
XOR = torch.tensor([0.0, 0.5, 0.5, 0.0], dtype=torch.float64)
MASKED = 8  # the state in which both tokens are hidden


class Table(nn.Module):
    """Logits of a one at two tokens, [9 states, latents, 2]: the state is 3 times the first token and the second."""

    def __init__(self, ones: Tensor):
        super().__init__()
        self.ones = nn.Parameter(ones)

    def forward(self, tokens, condition, perturbation=None, *, latent=None):
        chosen = torch.zeros(len(tokens)) if latent is None else latent * self.ones.shape[1]
        found = self.ones[3 * tokens[:, 0] + tokens[:, 1], chosen.long()]
        return torch.stack([torch.zeros_like(found), found], -1)


def right(latents: int, sure: float = 12.0) -> Tensor:
    """Make the table of who knows XOR: a token that is seen decides the other; with both hidden, all is open."""
    ones = torch.zeros(9, latents, 2)
    for first, second in product(range(3), range(3)):
        a, b = first, second
        a, b = (1 - b if a == 2 and b < 2 else a), (1 - a if b == 2 and a < 2 else b)
        if a < 2:
            ones[3 * first + second] = sure * torch.tensor([2.0 * a - 1, 2.0 * b - 1])
    return ones


def area(begin: float, end: float, weight=lambda r: 1.0) -> float:
    """Integrate weight(r) gamma(r)^2, the chance that both tokens are hidden, over r in [begin, end]."""
    if end <= begin:
        return 0.0
    r = torch.linspace(begin, end, 20_001, dtype=torch.float64)
    return float(torch.trapezoid(weight(r) * (torch.arccos(r.clamp(max=1)) / (math.pi / 2)) ** 2, r))


def di4c_loss(ones: Tensor, members: int, delta: float, data: bool = False, alpha: float = 0.1) -> Tensor:
    """Compute Di4C's expected loss, but for constants, of images with both tokens hidden; two latents are equally
    likely, ones [2, 2] their logits. All other states are taken to be right.

    With M members, k of them of the first latent, the mean law is (k p + (M - k) q) / M, k ~ Binomial(M, 1/2). Until
    gamma(r + delta) = 1/2 the teacher reveals nothing and the student is its own target, then one token, which decides
    the other; from 1 - delta on every member is to have the marginals.
    """
    k = torch.arange(members + 1, dtype=ones.dtype)
    chance = torch.tensor([math.comb(members, i) / 2**members for i in range(members + 1)], dtype=ones.dtype)
    single = torch.stack([(-ones).sigmoid(), ones.sigmoid()], -1)  # [latents, tokens, codes]
    joint = single[:, 0, OUTCOMES[:, 0]] * single[:, 1, OUTCOMES[:, 1]]

    def log_mean(law: Tensor) -> Tensor:
        share = (k / members).view(-1, *(1,) * (law.dim() - 1))
        return torch.tensordot(chance, (share * law[0] + (1 - share) * law[1]).log(), dims=1)

    marginal = log_mean(single)
    cor = marginal[0, OUTCOMES[:, 0]] + marginal[1, OUTCOMES[:, 1]] - log_mean(joint)
    own, begins = joint.mean(0).detach(), max(0.0, math.cos(math.pi / 4) - delta)
    alone, told, last = area(0, min(begins, 1 - delta)), area(begins, 1 - delta), area(1 - delta, 1) / delta
    loss = alone * (own @ cor - (single.mean(0).detach() * marginal).sum()) + told * (XOR @ cor - marginal.sum() / 2)
    loss = loss - last * single.log().mean(0).sum() / 2
    if data:
        seen = area(0, 1, lambda r: alpha * torch.sigmoid(20 * (0.5 - r)))
        loss = loss + seen * (XOR @ cor) - area(0, 1) * marginal.sum() / 2
    return loss


def redi_rates(r_init: float, rounds: int) -> list[tuple[float, float]]:
    """Follow ReDi with networks that are exact: [(share of pairs that differ, of drafts in one step)] from stage 0 on.

    The sampler writes one token after the other, in either order; the network does not know which is written already.
    """
    starts, coupled, found = _starts(r_init), _uncoupled(r_init), []
    for _ in range(rounds + 1):
        law = _marginals(coupled)
        one = sum(p * (law[s][0][0] * law[s][1][1] + law[s][0][1] * law[s][1][0]) for s, p in starts.items())
        found.append((sum(p for (_, x), p in coupled.items() if x[0] != x[1]), one))
        coupled = _couple(starts, law)
    return found


def redi_laws(r_init: float):
    """Give each token's law [2][2] in each state after stage 0, {state: laws}."""
    return _marginals(_uncoupled(r_init))


def _starts(r_init: float):
    noise = [(1 - r_init) / 2, (1 - r_init) / 2, r_init]
    return {(a, b): noise[a] * noise[b] for a, b in product(range(3), range(3))}


def _uncoupled(r_init: float):
    """Pair starts and data by chance: {(x0, x1): chance}."""
    pairs = product(_starts(r_init).items(), product((0, 1), repeat=2))
    return {(start, end): chance * (end[0] != end[1]) / 2 for (start, chance), end in pairs}


def _marginals(coupled):
    """Compute each token's law in each state [2][2], where a token is x1's with chance u, u ~ U(0, 1), else x0's."""
    total = {state: [[1e-12, 1e-12], [1e-12, 1e-12]] for state in product(range(3), range(3))}
    for (start, end), chance in coupled.items():
        for keep in product((0, 1), repeat=2):
            state = tuple(end[i] if keep[i] else start[i] for i in (0, 1))
            for i in (0, 1):
                total[state][i][end[i]] += chance * (1 / 6 if sum(keep) == 1 else 1 / 3)  # mean of u (1 - u), u^2
    return {state: [[one / sum(token) for one in token] for token in tokens] for state, tokens in total.items()}


def _couple(starts, law):
    """Sample from each start with these laws: {(x0, x1): chance}."""
    found = {}
    for (start, chance), first, a, b in product(starts.items(), (0, 1), (0, 1), (0, 1)):
        halfway = tuple(a if i == first else start[i] for i in (0, 1))
        end = (a, b) if first == 0 else (b, a)
        here = chance * 0.5 * law[start][first][a] * law[halfway][1 - first][b]
        found[start, end] = found.get((start, end), 0.0) + here
    return found
