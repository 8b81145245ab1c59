"""MaskGen against the published implementation."""

import pytest
import torch
import torch.nn.functional as F

from fpd_bench.models.maskgen_network import MaskGen, sinusoid


@pytest.fixture(scope="module")
def golden(golden_of):
    return golden_of("maskgen")


@pytest.fixture
def model(small_maskgen):
    return small_maskgen


def logits(model, golden, tokens=None):
    tokens = golden["io.input_ids"] if tokens is None else tokens
    text, pooled = golden["io.text_hidden_penultimate"], golden["io.text_pooled"]
    return model(tokens, text, pooled, golden["io.aesthetic_score"])


def test_full_size_model_has_the_published_keys_shapes_and_parameters(published_keys):
    published = published_keys("maskgen", "maskgen_vq_l")
    with torch.device("meta"):
        model = MaskGen()
    assert {k: list(v.shape) for k, v in model.state_dict().items()} == published["state_dict"]
    assert sum(p.numel() for p in model.parameters()) == published["n_params"] == 604_311_552


def test_score_encoding(golden):
    width = golden["io.sinusoidal_of_aes_x100"].shape[1]
    golden.check(sinusoid(golden["io.aesthetic_score"] * 100, width), "io.sinusoidal_of_aes_x100")


@pytest.mark.parametrize("training", [False, True])
def test_logits_are_the_same_in_training_and_evaluation(model, golden, training):
    golden.check(logits(model.train(training), golden), "io.logits")


def test_training_loss_and_gradients(model, golden):
    loss = F.cross_entropy(logits(model, golden).flatten(0, 1), golden["io.target"].flatten())
    golden.check(loss[None], "io.ce_loss")
    loss.backward()
    golden.check(model.embeddings.weight.grad, "io.grad_embeddings")
    golden.check(model.text_embed_proj.weight.grad, "io.grad_text_embed_proj")


def test_weights_over_codes_equal_ids(model, golden):
    soft = F.one_hot(golden["io.input_ids"], model.shape.codes + 1).float()
    golden.check(logits(model, golden, soft), "io.logits")


def test_head_and_embedding_stay_one_tensor(model):
    assert model.lm_head.weight is model.embeddings.weight
