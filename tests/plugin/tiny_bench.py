"""A track of another package, as small as a real one can be: 2 x 2 tokens, 8 colours, a one-layer teacher.

It is announced by the entry point beside it. TINY_SECONDS makes each call of the teacher, each batch of images and
each item's scoring last that long, so that a run can be killed in the middle; TINY_HANG makes the scorer wait for that
at the item of that name, TINY_FAILURE makes it fail there; TINY_NAN spoils images.
"""

import copy
import hashlib
import os
import time

import torch

from fpd_bench.bench import Condition, Item, Suite
from fpd_bench.models.transformer import MaskedTransformer, Shape
from fpd_bench.registry import tracks
from fpd_bench.tracks.shapes.tokenizer import PatchTokenizer

CODES, TOKENS, PATCH = 8, 4, 4
WORDS = ("dark", "bright", "dim", "light")
SHAPE = Shape(codes=CODES, tokens=TOKENS, words=len(WORDS) + 1, text=1, width=16, depth=1, heads=2)


class SlowTransformer(MaskedTransformer):
    def forward(self, tokens, condition):
        if not self.training:  # the teacher, and the student when it draws images
            _take_time()
        return super().forward(tokens, condition)


class SpoiltTokenizer(PatchTokenizer):
    def decode(self, embeddings, condition=None):
        images = super().decode(embeddings, condition)
        return images * float("nan") if os.environ.get("TINY_NAN") else images


@tracks.register("tiny", version=1)
class TinyTrack:
    name, n_tokens, n_codes = "tiny", TOKENS, CODES

    def __init__(self, preset):
        self.preset = preset
        with torch.random.fork_rng():
            torch.manual_seed(0)
            codebook = torch.rand(CODES, 3, 1).expand(-1, -1, PATCH * PATCH).flatten(1)
            self.teacher = SlowTransformer(SHAPE).eval().requires_grad_(False)
        self.tokenizer = SpoiltTokenizer(codebook, side=2, patch=PATCH)
        self.backbone = torch.nn.Identity()
        self.assets = {"codebook": hashlib.sha256(codebook.numpy().tobytes()).hexdigest()}

    def new_student(self):
        student = SlowTransformer(SHAPE)
        student.load_state_dict(copy.deepcopy(self.teacher.state_dict()))
        return student

    def _condition(self, words):
        texts = tuple(WORDS[word - 1] if word else "" for word in words)
        return Condition(texts, {"words": torch.tensor(words)[:, None]})

    def null_condition(self, n):
        return self._condition([0] * n)

    def draw_conditions(self, n, generator):
        return self._condition((torch.randint(len(WORDS), (n,), generator=generator) + 1).tolist())

    def real_images(self, n, generator):
        codes = torch.randint(CODES, (n, TOKENS), generator=generator)
        return self.tokenizer.decode(self.tokenizer.codebook[codes])

    def suite(self, split):
        items = tuple(Item(f"{n}-{word}", word, {}) for n, word in enumerate(WORDS))
        return Suite(split, items, self._condition([1, 2, 3, 4]), _score)

    def teacher_sample(self, condition, steps, generators):
        tokens = torch.full((len(condition), TOKENS), CODES)
        logits = self.teacher(tokens, condition)
        noise = torch.stack([torch.rand(TOKENS, CODES, generator=generator) for generator in generators])
        return (logits - (-noise.log()).log()).argmax(-1)


def _take_time():
    time.sleep(float(os.environ.get("TINY_SECONDS", "0")))


def _score(images, items):
    _take_time()
    if items[0].id == os.environ.get("TINY_HANG"):
        time.sleep(600)
    records = []
    for image, item in zip(images, items, strict=True):
        if item.id == os.environ.get("TINY_FAILURE"):
            raise RuntimeError(f"the scorer gave up at {item.id}")
        mean = float(image.mean()) / 255
        right = mean > 0.5 if item.prompt in ("bright", "light") else mean <= 0.5
        task = "colors" if item.prompt in ("bright", "dark") else "counting"
        records.append({"score": float(right), "task": task, "detail": {"mean": mean}})
    return records
