"""What both paper tracks promise, and two steps of FPD through the trainer."""

import torch
import torch.nn.functional as F

from fpd_bench.config.compose import compose
from fpd_bench.config.schema import StartConfig
from fpd_bench.distill.drafting import draw_start
from fpd_bench.distill.starts import code_law
from fpd_bench.distill.trainer import train
from fpd_bench.models.streams import generator_of
from fpd_bench.runs.perform.suite_images import sample_one_step, to_pixels


class Recorder:
    """Keeps what the trainer says."""

    def __init__(self):
        self.rows, self.pictures, self.state = [], [], None

    def log(self, row):
        self.rows.append(row)

    def picture(self, step, images):
        self.pictures.append(images)

    def save(self, step, state):
        self.state = state

    def load(self):
        return None

    def progress(self, step, steps): ...

    def should_stop(self):
        return False


def noise(*items):
    return [generator_of(0, "suite", str(i), 0) for i in items]


def check_track(track, side):
    draw = torch.Generator().manual_seed(0)
    condition = track.draw_conditions(3, draw)
    assert condition.texts == track.draw_conditions(3, torch.Generator().manual_seed(0)).texts
    for name, tensor in track.condition(condition.texts).tensors.items():
        assert torch.equal(tensor, condition.tensors[name])
    tokens = torch.randint(track.n_codes + 1, (3, track.n_tokens), generator=draw)
    with torch.no_grad():
        logits = track.teacher(tokens, condition)
        assert logits.shape == (3, track.n_tokens, track.n_codes)
        mixed = track.teacher(F.one_hot(tokens, track.n_codes + 1).float(), condition)
        torch.testing.assert_close(mixed, logits, rtol=1e-4, atol=1e-4)
        assert not torch.allclose(track.teacher(tokens, track.null_condition(3)), logits)
    embeddings = track.tokenizer.codebook[tokens.clamp(max=track.n_codes - 1)].clone().requires_grad_()
    images = track.tokenizer.decode(embeddings, condition)
    images.square().sum().backward()
    assert images.shape == (3, 3, side, side) and (embeddings.grad.abs().sum((1, 2)) > 0).all()
    assert track.tokenizer.encode(images).shape == (3, track.n_tokens)
    real = track.real_images(4, draw)
    assert real.shape == (4, 3, side, side) and real.min() >= 0 and real.max() <= 1
    assert track.backbone.valid_blocks == tuple(range(12))
    assert all(len(digest) == 64 for digest in track.assets.values())
    check_starts(track)


def check_starts(track):
    """z_init by the laws that need no images: half of the tokens masked, the others codes."""
    for kind in ("teacher", "background"):
        law, config = code_law(track, kind), StartConfig(codes=kind, r_init=0.5)
        assert law.shape == (track.n_codes,) and abs(law.sum().item() - 1) < 1e-9
        tokens = draw_start(2, track, config, torch.Generator().manual_seed(0)).tokens
        visible = tokens[tokens < track.n_codes]
        assert len(visible) == 2 * (track.n_tokens - round(0.5 * track.n_tokens)) and (law[visible] > 0).all()


def check_teacher_sampling(track):
    condition = track.draw_conditions(3, torch.Generator().manual_seed(0))
    for steps in (1, 3):
        whole = track.teacher_sample(condition, steps, noise(0, 1, 2))
        assert whole.shape == (3, track.n_tokens) and whole.min() >= 0 and whole.max() < track.n_codes
        assert torch.equal(track.teacher_sample(condition[[2, 0]], steps, noise(2, 0)), whole[[2, 0]])
    changes = ({"guidance": 0.0}, {"noise": 50.0}, {"schedule": "square"}, {"guidance": 9.0, "ramp": False})
    moved = [not torch.equal(track.teacher_sample(condition, 3, noise(0, 1, 2), **change), whole) for change in changes]
    assert sum(moved) >= 3, moved  # a dozen tokens of a tiny network may well agree once


def distil(track, *overrides):
    """Two steps; returns the recorder and the student's uint8 images."""
    options = ["optim.steps=2", "optim.batch=4", "optim.samples_per_condition=2", "drift.blocks=[2,11]", *overrides]
    config, recorder = compose([*options, "execution.log_every=1", "execution.grid_every=2"]), Recorder()
    before = {name: value.clone() for name, value in track.teacher.state_dict().items()}
    weights = train(config, track, recorder)
    assert all(torch.equal(value, before[name]) for name, value in track.teacher.state_dict().items())
    raw = {name.removeprefix("raw."): value for name, value in weights.items() if name.startswith("raw.")}
    assert any(not torch.equal(value, before[name]) for name, value in raw.items())
    student = track.new_student()
    student.load_state_dict(raw)
    condition = track.suite("test").condition[:2]
    return recorder, to_pixels(track, sample_one_step(track, student, condition, config.start, noise(0, 1)), condition)
