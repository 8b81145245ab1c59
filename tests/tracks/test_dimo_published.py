"""Di[M]O on a published track: its auxiliary network has the teacher's law when the student has the data's."""

import math

import pytest
import torch

from fpd_bench.config.compose import compose
from fpd_bench.distill.peers.d_mmd import DMMD
from fpd_bench.distill.peers.dimo import DiMO
from fpd_bench.distill.trainer import Training
from fpd_bench.models.streams import Streams
from fpd_bench.tracks.maskgit.track import MaskGitTrack

SMALL = ["method=dimo", "track.name=maskgit", "optim.batch=64", "start.temperature=1", "dimo.aux_lr=0.02"]


def says(network, law):
    """Make a MaskGIT say `law` [K] everywhere, whatever it sees: its output layer's bias alone speaks."""
    with torch.no_grad():
        for parameter in network.network.last_layer[-1].parameters():
            parameter.zero_()
        network.network.bias[:, : len(law)] = law.log()


@pytest.fixture
def track(published):
    """Its teacher has learned data of independent tokens, under label smoothing .1."""
    track = MaskGitTrack(weights=published.weights, data=published.data)
    law = torch.softmax(3 * torch.randn(track.n_codes, generator=torch.Generator().manual_seed(0)), 0)
    says(track.teacher, 0.9 * law + 0.1 / track.n_codes)
    track.law = law
    return track


def distance(track, *overrides, kind=DiMO, steps=200):
    """L1 of a token between the laws of auxiliary and teacher, once it has seen the right student's drafts."""
    student = track.new_student()
    says(student, track.law)
    method = kind(compose([*SMALL, *overrides]), track, Streams(0))
    condition = track.condition(["1"]).repeat(64)
    hidden, laws = torch.full((1, track.n_tokens), track.n_codes), []
    for step in range(steps):
        method.after_step(student, condition)
        if step >= steps // 2:  # their mean, without the noise of single drafts
            with torch.no_grad():
                laws.append(method.network(hidden, condition[:1]).softmax(-1))
    with torch.no_grad():
        expected = track.teacher(hidden, condition[:1]).softmax(-1)
    return float((torch.cat(laws).mean(0) - expected).abs().sum(-1).mean())


@pytest.mark.slow
def test_at_the_right_student_auxiliary_and_teacher_agree(track):
    assert distance(track) < 0.05
    assert distance(track, "dimo.label_smoothing=0") > 0.12  # what smoothing took from the likely codes


@pytest.mark.slow
@pytest.mark.parametrize("idlm", ["false", "true"])
def test_so_do_those_of_moment_matching(track, idlm):
    asked = ["method=d_mmd", "refine.guidance=0", "plugin.d_mmd.aux_lr=0.02", "plugin.d_mmd.lead=0"]
    asked += [f"plugin.d_mmd.idlm={idlm}"]
    assert distance(track, *asked, kind=DMMD, steps=80) < 0.05
    track.label_smoothing = 0.0
    assert distance(track, *asked, kind=DMMD, steps=80) > 0.06


def test_the_published_setting_trains_on_the_published_layout(published):
    track = MaskGitTrack(weights=published.weights, data=published.data)
    small = ["track.name=maskgit", "method=dimo", "dimo.preset=official", "optim.batch=4", "optim.steps=2"]
    training = Training(compose([*small, "optim.samples_per_condition=1", "execution.grid_every=0"]), track)
    rows = [training.advance() for _ in range(2)]
    assert all(math.isfinite(row["loss"]) and math.isfinite(row["auxiliary_loss"]) for row in rows)
    before, after = track.teacher.state_dict(), training.student.state_dict()
    moved = {name.removeprefix("network.") for name in after if not torch.equal(after[name], before[name])}
    assert moved and not moved & {"tok_emb.weight", "pos_emb", "bias"}


def test_a_track_whose_teacher_knew_no_smoothing_asks_for_none(small_track):
    assert DiMO(compose(["method=dimo"]), small_track, Streams(0)).smoothing == 0.0
    assert DiMO(compose(["method=dimo", "dimo.label_smoothing=0.3"]), small_track, Streams(0)).smoothing == 0.3
