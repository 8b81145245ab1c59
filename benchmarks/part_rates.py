"""The networks of a step against matrix products of like shapes: which share of that rate they reach.

    python benchmarks/part_rates.py [--repeats 5]

FLOPs are counted while a part runs (attention as plain products), seconds measured without the counter; CPU time, one
thread. The product's shapes are a transformer's widest layer, [B L, W] by [W, 4 W], or a convolution laid out as a
product, [B h w, 9 C] by [9 C, C]. Goals: half of the rate for transformers, .3 for convolutions.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import paper_shaped
import torch
from side_by_side import Row, measure, report
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from fpd_bench.models.devices import settle_process
from fpd_bench.registry import tracks

BATCH = {"shapes": 64, "maskgit": 16}
TRANSFORMER, CONVOLUTION = ">= 0.5", ">= 0.3"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    settle_process(1)
    with tempfile.TemporaryDirectory(prefix="fpd-part-rates-") as folder:
        compare("shapes", tracks.get("shapes")(), (64 * 32, 128), (64 * 16, 40), asked.repeats)
        track = paper_shaped.open_track(Path(folder))
        compare("maskgit", track, (16 * 257, paper_shaped.WIDTH), (16 * 1024, 64), asked.repeats)


def compare(name: str, track, layer: tuple[int, int], pixels: tuple[int, int], repeats: int) -> None:
    """Report the networks of a track. layer: rows and width of a transformer; pixels: rows and channels of a
    convolution."""
    batch, draw = BATCH[name], torch.Generator().manual_seed(0)
    condition, student = track.draw_conditions(batch, draw), track.new_student()
    codes = torch.randint(track.n_codes, (batch, track.n_tokens), generator=draw)
    embeddings = track.tokenizer.codebook[codes]
    track.backbone.eval()  # loads it, before inference mode
    with torch.no_grad():
        images = track.tokenizer.decode(embeddings, condition).clone()
    backbone = lambda given: sum(found.sum() for found in track.backbone(given).values())  # noqa: E731
    of_phi = TRANSFORMER if name == "maskgit" else CONVOLUTION
    of_vit = (batch * 21, paper_shaped.WIDTH)  # 16 patches, a class and four registers
    parts = {
        "student, forward": (lambda: student(codes, condition), layer, TRANSFORMER),
        "student, both ways": (lambda: student(codes, condition).sum().backward(), layer, TRANSFORMER),
        "backbone, forward": (lambda: backbone(images), of_vit if name == "maskgit" else pixels, of_phi),
        "backbone, both ways": (lambda: backbone(images.clone().requires_grad_()).backward(),
                                of_vit if name == "maskgit" else pixels, of_phi),
    }  # fmt: skip
    if name == "maskgit":
        decode = lambda given: track.tokenizer.decode(given, condition).sum()  # noqa: E731
        parts["decoder, forward"] = (lambda: decode(embeddings), pixels, CONVOLUTION)
        parts["decoder, both ways"] = (lambda: decode(embeddings.clone().requires_grad_()).backward(), pixels,
                                       CONVOLUTION)  # fmt: skip
    report(*(rate(f"{part}, {name}", *given, repeats) for part, given in parts.items()))


def rate(what: str, call: Callable[[], object], shape: tuple[int, int], goal: str, repeats: int) -> Row:
    """Measure a part beside the product of its shape."""
    (rows, width), wide = shape, 4 * shape[1]
    left, right = torch.rand(rows, width), torch.rand(width, wide)
    if goal == CONVOLUTION:
        left, right = torch.rand(rows, 9 * width), torch.rand(9 * width, width)
    flops = counted(call)  # with a graph: the attention of inference has an operation that nobody counts
    run = call if "both ways" in what else lambda: without_graph(call)
    times = measure({"part": run, "product": lambda: [left @ right for _ in range(20)]}, repeats, warm=2)
    ours, limit = flops / times["part"], 40 * left.numel() * right.shape[1] / times["product"]
    share = [flops / part / (40 * left.numel() * right.shape[1] / product)
             for part, product in zip(*(times.seconds[side] for side in ("part", "product")), strict=True)]  # fmt: skip
    shape_said = f"torch.mm, {list(left.shape)} x {list(right.shape)}"
    middle = sorted(share)[len(share) // 2]
    return Row(what, shape_said, f"{ours / 1e9:.1f} GFLOP/s", f"{limit / 1e9:.1f} GFLOP/s", middle, repeats,
               times.spread("part", "product"), goal)  # fmt: skip


def without_graph(call: Callable[[], object]) -> object:
    with torch.inference_mode():
        return call()


def counted(call: Callable[[], object]) -> int:
    """Count the FLOPs of a call."""
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops()


if __name__ == "__main__":
    main()
