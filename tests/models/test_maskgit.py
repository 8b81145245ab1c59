"""MaskGIT v1 against the published implementation."""

import pytest
import torch
import torch.nn.functional as F

from fpd_bench.models.maskgit_networks import MaskGit


@pytest.fixture(scope="module")
def golden(golden_of):
    return golden_of("maskgit")


@pytest.fixture
def model(small_maskgit):
    return small_maskgit


def logits(model, golden, drop):
    code, y = golden["in.code"], golden["in.y"]
    dropped = {"none": None, "all": torch.ones(len(y), dtype=torch.bool), "mixed": golden["in.drop_label"]}[drop]
    return model(code, y, dropped)


def test_full_size_model_has_the_published_keys_shapes_and_parameters(published_keys):
    published = published_keys("maskgit", "transformer")
    with torch.device("meta"):
        model = MaskGit()
    assert {k: list(v.shape) for k, v in model.state_dict().items()} == published["state_dict"]
    assert sum(p.numel() for p in model.parameters()) == published["n_params"] == 174_160_874


@pytest.mark.parametrize("drop, name", [("mixed", "mixed_drop"), ("none", "cond"), ("all", "uncond")])
def test_logits(model, golden, drop, name):
    golden.check(logits(model, golden, drop), f"out.logits_{name}")


def test_guided_logits(model, golden):
    c, u = logits(model, golden, "none"), logits(model, golden, "all")
    golden.check(3.5 * c - 2.5 * u, "out.cfg_w2p5")


def test_attention_of_the_first_layer(model, golden):
    attention = model.transformer.layers[0][0].fn.mha
    seen = []
    attention.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    logits(model, golden, "mixed")
    x = seen.pop()
    golden.check(attention(x, x, x, need_weights=True)[1], "out.attn_layer0")


def test_training_loss_and_gradients(model, golden):
    predicted = logits(model, golden, "mixed")
    loss = F.cross_entropy(predicted.flatten(0, 1), golden["in.target"].flatten(), label_smoothing=0.1)
    golden.check(loss[None], "out.ce_loss")
    loss.backward()
    golden.check(model.tok_emb.weight.grad, "out.grad_tok_emb")
    golden.check(model.transformer.layers[0][0].fn.mha.in_proj_weight.grad, "out.grad_qkv_layer0")


def test_weights_over_codes_equal_ids_and_let_gradients_through(model, golden):
    soft = F.one_hot(golden["in.code"].flatten(1), model.shape.codes + 1).float().requires_grad_()
    out = model(soft, golden["in.y"])
    golden.check(out, "out.logits_cond")
    out.square().sum().backward()
    assert soft.grad.abs().sum() > 0


def test_embeddings_can_be_given_directly(model, golden):
    embedded = model.embed(golden["in.code"])
    golden.check(model.forward_embedded(embedded, golden["in.y"], golden["in.drop_label"]), "out.logits_mixed_drop")


def test_dropout_acts_in_training_only(model, golden):
    torch.manual_seed(0)
    trained = logits(model.train(), golden, "none")
    assert not torch.allclose(trained, golden["out.logits_cond"], atol=1e-2)
    golden.check(logits(model.eval(), golden, "none"), "out.logits_cond")


def test_dropout_acts_inside_the_attention_too(model, golden):
    for module in model.train().modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    torch.manual_seed(0)
    assert not torch.allclose(logits(model, golden, "none"), golden["out.logits_cond"], atol=1e-3)
