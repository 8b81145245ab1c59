import copy

import torch

from fpd_bench.bench import Condition, Item, Suite
from fpd_bench.models.transformer import MaskedTransformer, Shape
from fpd_bench.registry import tracks
from fpd_bench.tracks.shapes.tokenizer import PatchTokenizer

CODES, TOKENS, PATCH = 8, 4, 4
WORDS = ("dark", "bright")
TASKS = {"dark": "dark_share", "bright": "bright_share"}  # the metrics of the images of each word
SHAPE = Shape(codes=CODES, tokens=TOKENS, words=len(WORDS) + 1, text=1, width=16, depth=1, heads=2)


@tracks.register("outside")
class OutsideTrack:
    """2 x 2 grey patches for the words dark and bright, with an untrained teacher."""

    name, n_tokens, n_codes = "outside", TOKENS, CODES

    def __init__(self, preset):
        self.preset = preset
        with torch.random.fork_rng():
            torch.manual_seed(0)
            greys = torch.linspace(0, 1, CODES)[:, None].expand(-1, 3 * PATCH * PATCH)
            self.teacher = MaskedTransformer(SHAPE).eval().requires_grad_(False)
        self.tokenizer = PatchTokenizer(greys.contiguous(), side=2, patch=PATCH)
        self.backbone = torch.nn.Identity()
        self.assets = {}

    def to(self, device):
        self.teacher.to(device)
        self.tokenizer.to(device)
        return self

    def new_student(self):
        student = MaskedTransformer(SHAPE)
        student.load_state_dict(copy.deepcopy(self.teacher.state_dict()))
        return student

    def _condition(self, words):
        return Condition(
            tuple(WORDS[word - 1] if word else "" for word in words), {"words": torch.tensor(words)[:, None]}
        )

    def null_condition(self, n):
        return self._condition([0] * n)

    def draw_conditions(self, n, generator):
        return self._condition((torch.randint(len(WORDS), (n,), generator=generator) + 1).tolist())

    def real_images(self, n, generator):
        codes = torch.randint(CODES, (n, TOKENS), generator=generator)
        return self.tokenizer.decode(self.tokenizer.codebook[codes])

    def suite(self, split):
        items = tuple(Item(f"{n}-{word}", word, {}) for n, word in enumerate(WORDS * 3))
        return Suite(split, items, self._condition([1, 2] * 3), _score)

    def teacher_sample(self, condition, steps, generators):
        logits = self.teacher(torch.full((len(condition), TOKENS), CODES), condition)
        noise = torch.stack([torch.rand(TOKENS, CODES, generator=generator) for generator in generators])
        return (logits - (-noise.log()).log()).argmax(-1)


def _score(images, items):
    means = [float(image.mean()) / 255 for image in images]  # uint8 [n, H, W, 3]
    pairs = list(zip(means, items, strict=True))
    return [{"score": mean, "task": TASKS[item.prompt], "detail": {"mean": mean}} for mean, item in pairs]
