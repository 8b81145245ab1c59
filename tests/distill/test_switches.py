"""Every reading that the paper leaves open is a setting that does something."""

import pytest
import torch

from fpd_bench.config.compose import compose
from fpd_bench.config.fields import choices, leaves
from fpd_bench.distill.trainer import Training

BASE = [
    "track.preset=coarse", "drift.space=pixel", "drift.blocks=[]", "drift.grid=4", "optim.steps=4", "optim.batch=8",
    "optim.warmup=0", "optim.samples_per_condition=4", "optim.clip=0", "start.temperature=1", "refine.temperature=1",
    "execution.grid_every=0",
]  # fmt: skip
FEATURES = ["drift.space=feature", "drift.blocks=[0,1]"]
GAN = [*FEATURES, "gan.weight=1", "gan.blur_fraction=0.5"]
# setting: what it needs beside the base
SWITCHES = {
    "start.r_init=0.3": [],
    "start.masks=independent": [],
    "start.embedding_noise=0.3": [],
    "start.temperature=0.5": [],
    "start.sampling=gumbel": [],
    "start.sampling=argmax": [],
    "start.top_k=2": [],
    "start.top_p=0.5": [],
    "refine.ratio=cosine": [],
    "refine.ratio=uniform": ["refine.low=0.5", "refine.high=0.5"],
    "refine.temperature=0": [],
    "refine.guidance=0": [],
    "refine.sampling=categorical": [],
    "refine.confident=0.5": [],
    "drift.positives=others": [],
    "drift.positives=own": [],
    "drift.positives=condition": [],
    "drift.negatives=self_masked": [],
    "drift.shifts=2": [],
    "drift.memory=6": [],
    "drift.normalise=separate": [],
    "drift.normalise=row_only": [],
    "drift.normalise=sinkhorn": [],
    "drift.floor=1e-6": ["drift.bandwidths=[0.05]"],
    "drift.repulsion=0.5": [],
    "drift.scale=position": [],
    "drift.scale=running": [],
    "drift.scale=none": [],
    "drift.equalise=position": [],
    "drift.equalise=running": [],
    "drift.equalise=none": [],
    "drift.combine=fields": [],
    "drift.norm=sum": [],
    "drift.guards=published": ["drift.bandwidths=[0.01]"],
    "drift.layers=mean": FEATURES,
    "drift.layer_weights=[2,1]": FEATURES,
    "drift.resize=64": FEATURES,
    "gan.weight=0.5": GAN,
    "gan.lr=0.1": GAN,
    "gan.updates=2": GAN,
}  # fmt: skip


ELSEWHERE = {  # tested where they need another network or track
    "drift.cls": {"only", "also"},  # of transformers: test_spaces.py
    "start.codes": {"unigram", "background", "teacher"},  # test_starts.py
}


def losses(track, overrides):
    """What two steps log of the student's loss and gradient."""
    training = Training(compose([*BASE, *overrides]), track)
    rows = [training.advance() for _ in range(2)]
    return torch.tensor([[row["loss"], row["gradient_norm"]] for row in rows])


@pytest.fixture(scope="module")
def unchanged(small_track):
    return {words: losses(small_track, list(words)) for words in {tuple(needed) for needed in SWITCHES.values()}}


@pytest.mark.parametrize("switch", SWITCHES)
def test_a_switch_changes_the_training(switch, small_track, unchanged):
    needed = SWITCHES[switch]
    found = losses(small_track, [*needed, switch])
    assert found.isfinite().all()
    assert (found / unchanged[tuple(needed)] - 1).abs().max() > 1e-4


def test_no_choice_of_the_drift_is_left_out():
    for field in (name for name in leaves() if choices(name) and name.startswith(("start.", "refine.", "drift."))):
        tried = {switch.partition("=")[2] for switch in SWITCHES if switch.startswith(f"{field}=")}
        default = {str(getattr(compose([]), field.partition(".")[0]).__dict__[field.partition(".")[2]])}
        elsewhere = ELSEWHERE.get(field, set())
        assert tried | default | elsewhere >= set(choices(field)), field
