"""CLIP's text tower against open_clip's, read out as MaskGen and TA-TiTok read it."""

import pytest
import torch

from fpd_bench.models.clip_text import ClipText, ClipTextShape


@pytest.fixture(scope="module")
def golden(golden_of):
    return golden_of("cliptext")


@pytest.fixture
def model(golden):
    text = golden.config["text_cfg"]
    model = ClipText(
        ClipTextShape(
            context=text["context_length"],
            vocabulary=text["vocab_size"],
            width=text["width"],
            heads=text["heads"],
            layers=text["layers"],
            projection=golden.config["embed_dim"],
        )
    ).eval()
    state = golden.part("sd.")
    del state["logit_scale"]  # of the contrastive loss, not of the tower
    model.load_state_dict(state)
    return model


def test_three_read_outs(model, golden):
    with torch.no_grad():
        states = model(golden["in.token_ids"])
    golden.check(states.penultimate, "out.penultimate_hidden")
    golden.check(states.last, "out.text_guidance_ln_final_last_hidden")
    golden.check(states.pooled, "out.pooled")


def test_later_tokens_do_not_change_earlier_states(model, golden):
    ids = golden["in.token_ids"]
    changed = ids.clone()
    changed[:, -1] = 1  # padding is 0, and the end of the text the largest id
    assert not torch.equal(ids, changed)
    with torch.no_grad():
        before, after = model(ids).last, model(changed).last
    torch.testing.assert_close(before[:, :-1], after[:, :-1])


def test_full_size_tower_is_that_of_vit_l_14():
    with torch.device("meta"):
        model = ClipText()
    assert sum(p.numel() for p in model.parameters()) == 123_650_304  # open_clip's ViT-L-14-336, text side
