"""TA-TiTok against the published implementation."""

import pytest
import torch

from fpd_bench.models.tatitok import TaTiTok


@pytest.fixture(scope="module")
def golden(golden_of):
    return golden_of("maskgen")


@pytest.fixture
def model(small_tatitok):
    return small_tatitok


def test_full_size_model_has_the_published_keys_shapes_and_parameters(published_keys):
    published = published_keys("maskgen", "tatitok_bl128_vq")
    with torch.device("meta"):
        model = TaTiTok()
    assert {k: list(v.shape) for k, v in model.state_dict().items()} == published["state_dict"]
    assert sum(p.numel() for p in model.parameters()) == published["n_params"] == 391_046_292
    assert sum(p.numel() for p in model.decoder.parameters()) == published["n_params_decoder"]
    assert sum(p.numel() for p in model.encoder.parameters()) == published["n_params_encoder"]


def test_encoding(model, golden):
    codes = model.encode(golden["ttio.image_in"])
    assert torch.equal(codes, golden["ttio.encode_indices"][:, 0])
    golden.check(model.codebook[codes].transpose(1, 2)[:, :, None], "ttio.z_quantized")


@pytest.mark.parametrize("codes", ["indices", "final_ids"])
def test_decoding(model, golden, codes):
    ids = golden["trace.final_ids"] if codes == "final_ids" else golden["ttio.encode_indices"][:, 0]
    golden.check(model.decode_codes(ids, golden["ttio.text_guidance"]), f"ttio.decoded_from_{codes}")


def test_gradient_that_reaches_the_embeddings(model, golden):
    rows = golden["ttio.z_quantized"][:, :, 0].transpose(1, 2).contiguous().requires_grad_()
    (model.decode(rows, golden["ttio.text_guidance"]) * golden["ttio.grad_w"]).sum().backward()
    golden.check(rows.grad.transpose(1, 2)[:, :, None], "ttio.grad_z")
