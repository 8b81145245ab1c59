"""What every estimator promises: logits [B, L, K], codes [B, L], codebook [K, d] -> embeddings [B, L, d]."""

import pytest
import torch

from fpd_bench.registry import estimators

NAMES = estimators.known()


@pytest.fixture
def inputs():
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 5, 7, generator=draw).requires_grad_()
    return logits, torch.randint(7, (3, 5), generator=draw), torch.randn(7, 4, generator=draw)


@pytest.mark.parametrize("name", NAMES)
def test_shape_dtype_and_finite_values(name, inputs):
    out = estimators.get(name)()(*inputs)
    assert out.shape == (3, 5, 4) and out.dtype == torch.float32 and torch.isfinite(out).all()


@pytest.mark.parametrize("name", NAMES)
def test_extreme_logits_stay_finite(name, inputs):
    logits, codes, codebook = inputs
    extreme = (logits.detach() * 1e4).requires_grad_()
    out = estimators.get(name)()(extreme, codes, codebook)
    out.sum().backward()
    assert torch.isfinite(out).all() and torch.isfinite(extreme.grad).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_reaches_every_position_of_the_logits(name, inputs):
    logits, codes, codebook = inputs
    estimators.get(name)()(logits, codes, codebook).square().sum().backward()
    assert torch.isfinite(logits.grad).all() and (logits.grad.abs().sum(-1) > 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_forward_value_is_on_the_codebook_exactly_where_it_says_so(name, inputs):
    logits, codes, codebook = inputs
    estimator = estimators.get(name)()
    distance = torch.cdist(estimator(logits, codes, codebook).detach().flatten(0, 1), codebook).amin(-1)
    assert bool((distance < 1e-3).all()) is estimator.on_codebook


@pytest.mark.parametrize("name", NAMES)
def test_equal_inputs_give_equal_embeddings(name, inputs):
    assert torch.equal(estimators.get(name)()(*inputs), estimators.get(name)()(*inputs))


@pytest.mark.parametrize("name", NAMES)
def test_it_says_how_the_draft_reaches_the_teacher(name):
    assert isinstance(estimators.get(name)().soft_teacher, bool)
