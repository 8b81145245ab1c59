"""Eq. 8 by hand: what each estimator gives the decoder and what comes back."""

import torch

from fpd_bench.registry import estimators

CODEBOOK = torch.tensor([[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0]])


def run(name, logits, codes):
    logits = logits.clone().requires_grad_()
    out = estimators.get(name)()(logits, codes, CODEBOOK)
    (out * torch.tensor([0.3, -0.7])).sum().backward()
    return out.detach(), logits.grad


def inputs():
    draw = torch.Generator().manual_seed(0)
    return torch.randn(2, 4, 3, generator=draw), torch.randint(3, (2, 4), generator=draw)


def test_straight_through_gives_the_rows_of_the_sampled_codes_bit_for_bit():
    """The decoder sees what it will see at sampling, whatever the mixture: also one of another size than the row."""
    logits, codes = inputs()
    assert torch.equal(run("ste", logits, codes)[0], CODEBOOK[codes])
    draw = torch.Generator().manual_seed(1)
    codebook = torch.randn(64, 32, generator=draw) * torch.logspace(-3, 3, 64)[:, None]
    logits, codes = torch.randn(8, 16, 64, generator=draw), torch.randint(64, (8, 16), generator=draw)
    assert torch.equal(estimators.get("ste")()(logits, codes, codebook), codebook[codes])


def test_the_mixture_is_the_expected_row():
    logits, codes = inputs()
    expected = torch.einsum("blk,kd->bld", logits.softmax(-1), CODEBOOK)
    torch.testing.assert_close(run("soft", logits, codes)[0], expected)


def test_both_send_back_the_gradient_of_the_mixture():
    """d/dlogit_k of g . E = p_k (g . e_k - sum_j p_j g . e_j)."""
    logits, codes = inputs()
    p, worth = logits.softmax(-1), CODEBOOK @ torch.tensor([0.3, -0.7])
    expected = p * (worth - (p * worth).sum(-1, keepdim=True))
    for name in ("ste", "soft"):
        torch.testing.assert_close(run(name, logits, codes)[1], expected)


def test_what_was_sampled_does_not_change_the_gradient_of_a_linear_decoder():
    logits, codes = inputs()
    assert torch.equal(run("ste", logits, codes)[1], run("ste", logits, (codes + 1) % 3)[1])


def test_the_codebook_stays_frozen():
    logits, codes = inputs()
    assert not estimators.get("ste")()(logits, codes, CODEBOOK).requires_grad
