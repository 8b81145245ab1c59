"""Train Phi of the domain on scenes alone, without any student: the recipe behind models/weights/shapes.safetensors.

Self-supervised, by the tokenizer's own codes (as BEiT does, Bao et al. 2022): in a scene of the plain or the textured
world some tokens are replaced by random codes or greyed out; from the picture of that, the third stage predicts the
code that each token had, the fourth the four codes of each place. Where a token was replaced, only its object's other
tokens can tell. No label says what a code shows or which codes are synonyms.

labels=True trains the same network on just that instead (code // N for a token; whole objects for a place): the
comparison of docs/adr/0014, shipped nowhere.
"""

import math
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from fpd_bench.models import scene_network
from fpd_bench.models.scene_network import CHANNELS, SceneNetwork
from fpd_bench.tracks.shapes.language import draw_scenes
from fpd_bench.tracks.shapes.textures import plain_codes
from fpd_bench.tracks.shapes.tokenizer import PatchTokenizer, draw_codebook
from fpd_bench.tracks.shapes.world import PRESETS
from fpd_bench.tracks.training import Progress, read_checkpoint, write_checkpoint

WORLDS = ("plain", "textured")  # of equal size; a batch holds as many scenes of each
GREY = 0.5
CHECKPOINT_EVERY = 100


@dataclass(frozen=True)
class BackboneRecipe:
    """How the network is trained."""

    steps: int = 400
    batch: int = 64
    lr: float = 2e-3
    weight_decay: float = 0.02
    damage: float = 0.6  # at most this share of a scene's tokens is replaced, uniform; half of them by grey
    seed: int = 0
    labels: bool = False


class BackboneTraining:
    """The network, two linear heads for training only, and the scenes."""

    def __init__(self, recipe: BackboneRecipe):
        self.recipe, self.step = recipe, 0
        torch.manual_seed(recipe.seed)
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.worlds = [PRESETS[name] for name in WORLDS]
        self.codebooks = [draw_codebook(world) for world in self.worlds]
        side, patch = self.worlds[0].side, self.worlds[0].patch
        self.tokenizer = PatchTokenizer(torch.cat([*self.codebooks, torch.full((1, 3 * patch**2), GREY)]), side, patch)
        self.grey = len(self.tokenizer.codebook) - 1
        self.classes = self.worlds[0].patches if recipe.labels else self.grey
        self.network = SceneNetwork()
        self.token = nn.Conv2d(CHANNELS[2], self.classes, 1)
        self.place = nn.Conv2d(CHANNELS[3], self.classes * (1 if recipe.labels else 4), 1)
        self.modules = nn.ModuleList([self.network, self.token, self.place])
        self.optimizer = torch.optim.AdamW(self.modules.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)

    def advance(self) -> tuple[float, float]:
        """Train one step; return the loss and the share of tokens that the third stage names."""
        recipe = self.recipe
        cosine = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.step / recipe.steps))
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.lr * min(1.0, (self.step + 1) / 30) * cosine
        codes, damaged = self._scenes()
        loss, right = self._label_loss(damaged) if recipe.labels else self._code_loss(codes, damaged)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.step += 1
        return float(loss.detach()), right

    def save(self, path: Path) -> None:
        """Write a checkpoint; the file is whole or not there."""
        state = {"step": self.step, "generator": self.generator.get_state(), "recipe": asdict(self.recipe)}
        write_checkpoint(state | {"modules": self.modules.state_dict(), "optimizer": self.optimizer.state_dict()}, path)

    def load(self, path: Path) -> None:
        """Load a checkpoint. Raises AssetError for one of another recipe, or one that cannot be read."""
        state = read_checkpoint(path, asdict(self.recipe))
        self.step = state["step"]
        self.generator.set_state(state["generator"])
        self.modules.load_state_dict(state["modules"])
        self.optimizer.load_state_dict(state["optimizer"])

    def _scenes(self) -> tuple[Tensor, Tensor]:
        """Draw (true codes, codes shown) [B, L] of both worlds, in ids of the joint codebook."""
        n, true_codes, damaged, first = self.recipe.batch // len(self.worlds), [], [], 0
        for world, codebook in zip(self.worlds, self.codebooks, strict=True):
            codes, _ = draw_scenes(n, world, self.generator, codebook)
            share = torch.rand(n, 1, generator=self.generator) * self.recipe.damage
            hit = torch.rand(codes.shape, generator=self.generator) < share
            noise = torch.randint(world.codes, codes.shape, generator=self.generator) + first
            greyed = torch.rand(codes.shape, generator=self.generator) < 0.5
            if not self.recipe.labels:
                noise = noise.masked_fill(greyed, self.grey)
            true_codes.append(codes + first)
            damaged.append(torch.where(hit, noise, codes + first))
            first += world.codes
        return torch.cat(true_codes), torch.cat(damaged)

    def _maps(self, damaged: Tensor) -> tuple[Tensor, Tensor]:
        """Compute scores [B, classes, L] of the tokens, [B, heads, places] of the places."""
        images = self.tokenizer.decode(self.tokenizer.codebook[damaged])
        maps = self.network.stages((images - 0.5) / 0.5)
        return self.token(maps[2]).flatten(2), self.place(maps[3]).flatten(2)

    def _code_loss(self, codes: Tensor, damaged: Tensor) -> tuple[Tensor, float]:
        tokens, places = self._maps(damaged)
        quarters = _group_by_place(codes)  # [B, places, 4]
        scores = places.unflatten(1, (self.classes, 4))  # [B, classes, 4, places]
        loss = functional.cross_entropy(tokens, codes) + functional.cross_entropy(scores.mT, quarters)
        return loss, float((tokens.argmax(1) == codes).float().mean())

    def _label_loss(self, damaged: Tensor) -> tuple[Tensor, float]:
        tokens, places = self._maps(damaged)
        first, second = self.worlds
        named = torch.where(damaged < first.codes, damaged, plain_codes(damaged - first.codes, second))
        quarters = _group_by_place(named)
        begin = quarters[..., :1]
        complete = (begin > 0) & ((begin - 1) % 4 == 0) & (quarters == begin + torch.arange(4)).all(-1, keepdim=True)
        objects = torch.where(complete, begin, torch.zeros_like(begin)).squeeze(-1)
        loss = functional.cross_entropy(tokens, named) + functional.cross_entropy(places, objects)
        return loss, float((tokens.argmax(1) == named).float().mean())


def _group_by_place(codes: Tensor) -> Tensor:
    """Group tokens by place: [B, side^2] -> [B, places, 4]: the tokens of each 2 x 2 block, row by row."""
    side = math.isqrt(codes.shape[1])
    blocks = codes.view(-1, side // 2, 2, side // 2, 2).permute(0, 1, 3, 2, 4)
    return blocks.reshape(len(codes), -1, 4)


def build_backbone(
    work: Path, out: Path | None = None, recipe: BackboneRecipe | None = None, progress: Progress | None = None
) -> Path:
    """Train with checkpoints in `work`, write the weights to the folder `out` (the package's own); return the file."""
    training, folder = BackboneTraining(recipe or BackboneRecipe()), out or scene_network.FILE.parent
    for place in (work, folder):
        place.mkdir(parents=True, exist_ok=True)
    checkpoint = work / "backbone.pt"
    if checkpoint.exists():
        training.load(checkpoint)
    while training.step < training.recipe.steps:
        loss, _ = training.advance()
        if training.step % CHECKPOINT_EVERY == 0 or training.step == training.recipe.steps:
            training.save(checkpoint)
        if progress:
            progress(training.step, training.recipe.steps, loss)
    return scene_network.store_weights(training.network, folder)
