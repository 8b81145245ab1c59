"""Does a bench's codebook resemble a real one? Near-synonyms, entropy, and what mixtures do to the decoder.

On the teacher's own samples, so no data are needed. Of each track:
- entropy in nats of a code by itself, of one hidden token when all others are visible, and when half of them are;
- near-synonyms: codes that may stand in a place instead of its own and change the deepest features of Phi by less than
  a quarter of what a random code does, of so many codes that are tried;
- of a half-and-half mixture with the code that the teacher would draw next: how far its picture is from the mixture of
  both pictures (0 for a linear decoder), and how far its features are from the nearer of both (.5: between them).

Worlds of the shapes track, and with published weights in $FPD_WEIGHTS those of the paper:

  python benchmarks/codebook_facts.py
  FPD_WEIGHTS=~/fpd-weights python benchmarks/codebook_facts.py --tracks maskgit maskgen --images 4
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from fpd_bench import registry
from fpd_bench.bench import Condition, Track
from fpd_bench.distill.starts import code_law
from fpd_bench.errors import AssetError
from fpd_bench.models.masking import draw_damage
from fpd_bench.models.named_backbone import open_backbone

DEFAULT = ("shapes/plain", "shapes/textured", "shapes/scattered", "maskgit", "maskgen")
CANDIDATES = 64  # codes tried in a place
STEPS = 16  # of the teacher's sampler


@dataclass
class Samples:
    """Pictures of the teacher: codes [B, L], their condition, and a place [B] in each."""

    track: Track
    codes: Tensor
    condition: Condition
    place: Tensor
    lift: Callable[[Tensor], Tensor]
    generator: torch.Generator

    def pictures(self, codes: Tensor) -> Tensor:
        """[B, L] -> [B, 3, H, W]."""
        return self.track.tokenizer.decode(self.track.tokenizer.codebook[codes], self.condition)

    def swapped(self, code: Tensor) -> Tensor:
        """The codes with `code` [B] in the place."""
        return self.codes.scatter(1, self.place[:, None], code[:, None])


def drawn(track: Track, images: int, phi: str) -> Samples:
    """The teacher's own samples of training prompts."""
    generator = torch.Generator().manual_seed(0)
    condition = track.draw_conditions(images, generator)
    codes = track.teacher_sample(condition, STEPS, [torch.Generator().manual_seed(i) for i in range(images)])
    place = torch.randint(track.n_tokens, (images,), generator=generator).to(codes.device)
    backbone = open_backbone(phi).to(codes.device) if phi else track.backbone
    deepest = backbone.select([backbone.valid_blocks[-1]])
    return Samples(track, codes, condition, place, lambda x: next(iter(deepest(x).values())).flatten(1), generator)


def entropies(s: Samples) -> list[float]:
    """Nats: of the teacher's marginal, of one hidden token, of half of them."""
    law = code_law(s.track, "teacher")
    assert law is not None
    found = [float(-(law * law.clamp_min(1e-30).log()).sum())]
    one = torch.zeros_like(s.codes, dtype=torch.bool).scatter(1, s.place[:, None], True)
    half = draw_damage(torch.full((len(s.codes),), 0.5), s.track.n_tokens, s.generator).to(s.codes.device)
    for hidden in (one, half):
        log_p = s.track.teacher(s.codes.masked_fill(hidden, s.track.n_codes), s.condition).log_softmax(-1)
        found.append(float(-(log_p.exp() * log_p).sum(-1)[hidden].mean()))
    return found


def synonyms(s: Samples) -> float:
    """How many of CANDIDATES codes (the likeliest by the teacher, without the own) are near-synonyms, on average."""
    own = s.codes.gather(1, s.place[:, None])
    features = s.lift(s.pictures(s.codes))
    hidden = s.codes.scatter(1, s.place[:, None], s.track.n_codes)
    law = s.track.teacher(hidden, s.condition).gather(1, s.place[:, None, None].expand(-1, -1, s.track.n_codes))[:, 0]
    likeliest = law.scatter(1, own, -torch.inf).topk(min(CANDIDATES, s.track.n_codes - 1)).indices
    noise = torch.randint(s.track.n_codes, (8, len(s.codes)), generator=s.generator).to(s.codes.device)

    def changes(codes: Tensor) -> Tensor:
        return (s.lift(s.pictures(s.swapped(codes))) - features).norm(dim=1)

    usual = torch.stack([changes(codes) for codes in noise]).mean()
    near = torch.stack([changes(codes) for codes in likeliest.T]) < usual / 4
    return float(near.float().sum(0).mean())


def mixtures(s: Samples) -> list[float]:
    """[picture of the mixture to mixture of pictures, over their distance; its features to the nearer, likewise]."""
    hidden = s.codes.scatter(1, s.place[:, None], s.track.n_codes)
    law = s.track.teacher(hidden, s.condition).gather(1, s.place[:, None, None].expand(-1, -1, s.track.n_codes))[:, 0]
    other = law.scatter(1, s.codes.gather(1, s.place[:, None]), -torch.inf).argmax(1)
    both = [s.track.tokenizer.codebook[codes] for codes in (s.codes, s.swapped(other))]
    first, second, mixed = (s.track.tokenizer.decode(e, s.condition) for e in (*both, (both[0] + both[1]) / 2))
    apart = (first - second).flatten(1).norm(dim=1)
    bent = (mixed - (first + second) / 2).flatten(1).norm(dim=1) / apart
    a, b, m = (s.lift(image.clamp(0, 1)) for image in (first, second, mixed))
    nearer = torch.minimum((m - a).norm(dim=1), (m - b).norm(dim=1)) / (a - b).norm(dim=1)
    return [float(bent.median()), float(nearer.median())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", nargs="+", default=DEFAULT, metavar="TRACK[/PRESET]")
    parser.add_argument("--images", type=int, default=64, help="samples of the teacher (default: 64)")
    parser.add_argument("--phi", default="", help="any backbone; default: the track's own")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    table = Table(title=f"{options.images} pictures of each teacher, Phi: {options.phi or 'the own of each track'}")
    for name in ("track", "codes", "alone", "1 hidden", "half", "synonyms", "decoder bends", "mixture off"):
        table.add_column(name)
    for text in options.tracks:
        name, _, preset = text.partition("/")
        try:
            track = registry.tracks.get(name)(preset or "default").to(options.device)
        except AssetError as error:
            print(f"{text} is left out: {error}")
            continue
        with torch.inference_mode():
            samples = drawn(track, options.images, options.phi)
            row = [*entropies(samples), synonyms(samples), *mixtures(samples)]
        table.add_row(text, str(track.n_codes), *(f"{value:.2f}" for value in row))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
