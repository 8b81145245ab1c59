"""The taming VQGAN against the published implementation."""

import pytest
import torch

from fpd_bench.models.vqgan import Vqgan


@pytest.fixture(scope="module")
def golden(golden_of):
    return golden_of("maskgit")


@pytest.fixture
def model(small_vqgan):
    return small_vqgan


def as_map(vectors, side):
    """[B, L, d] -> [B, d, side, side], the published layout."""
    return vectors.transpose(1, 2).unflatten(2, (side, side))


def test_full_size_model_has_the_published_keys_shapes_and_parameters(published_keys):
    published = published_keys("maskgit", "vqgan")
    with torch.device("meta"):
        model = Vqgan()
    assert {k: list(v.shape) for k, v in model.state_dict().items()} == published["state_dict"]
    assert sum(p.numel() for p in model.parameters()) == published["n_params"] == 72_141_699


def test_decoding(model, golden):
    golden.check(model.decode_codes(golden["vqio.code"]), "vqio.decoded")


def test_encoding(model, golden):
    codes = model.encode(golden["vqio.encode_in"])
    assert torch.equal(codes, golden["vqio.encode_idx"].flatten(1))
    golden.check(as_map(model.codebook[codes], model.shape.grid), "vqio.encode_quant")


def test_gradient_that_reaches_the_embeddings(model, golden):
    rows = model.codebook[golden["vqio.code"].flatten(1)].detach().requires_grad_()
    (model.decode(rows) * golden["vqio.grad_w"]).sum().backward()
    golden.check(as_map(rows.grad, model.shape.grid), "vqio.grad_embed_bdhw")
