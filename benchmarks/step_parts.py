"""A step of FPD against the sum of the parts that it cannot do without, each measured alone in the same process.

    python benchmarks/step_parts.py [--repeats 7] [shapes maskgit]

The parts: student, decoder and backbone forward and backward on one graph; two teacher calls; decoder and backbone on
the repaired codes; the drift fields; drawing the codes of draft and repair, with their noise; clipping, AdamW and the
average. `shapes` is the
embedded track as it is trained by default, `maskgit` the paper's, narrow and with random weights (paper_shaped.py).
Steps and parts in turn, CPU time, one thread. Goal: 1.05.
"""

import argparse
import copy
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paper_shaped
import torch
from side_by_side import Row, measure, milliseconds, report
from torch import nn

from fpd_bench.config.compose import compose
from fpd_bench.distill.drafting import draft_codes, draft_logits, draw_noise, draw_start
from fpd_bench.distill.refinement import draw_codes, guided_logits
from fpd_bench.distill.trainer import Training
from fpd_bench.models.devices import settle_process
from fpd_bench.registry import tracks

SETTINGS = {"shapes": [], "maskgit": paper_shaped.SETTINGS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tracks", nargs="*", default=list(SETTINGS), help="shapes, maskgit (default: both)")
    parser.add_argument("--repeats", type=int, default=7)
    asked = parser.parse_args()
    settle_process(1)
    with tempfile.TemporaryDirectory(prefix="fpd-step-parts-") as folder:
        for name in asked.tracks:
            track = tracks.get("shapes")() if name == "shapes" else paper_shaped.open_track(Path(folder))
            compare(name, Training(compose(SETTINGS[name]), track), asked.repeats)


def compare(name: str, training: Training, repeats: int) -> None:
    """Report a track's step, and each of its parts as a share of it."""
    alone = parts(training)
    times = measure({"step": training.advance, **alone}, repeats, warm=2)
    whole = sum(times[part] for part in alone)
    rows = [Row(f"FPD step, {name}", "the sum of its parts, measured alone", milliseconds(times["step"]),
                milliseconds(whole), times.ratio("step", alone), repeats, times.spread("step", alone),
                "<= 1.05")]  # fmt: skip
    rows += [Row(f"{part}, {name}", "the step", milliseconds(times[part]), milliseconds(times["step"]),
                 times.ratio(part, "step"), repeats, times.spread(part, "step")) for part in alone]  # fmt: skip
    report(*rows)


def parts(training: Training) -> dict[str, Callable[[], Any]]:
    """Make the calls of all parts, on inputs of the step's kind and size."""
    config, track, method = training.config, training.track, training.method
    batch, draw = config.optim.batch, torch.Generator().manual_seed(0)
    per_prompt = config.optim.samples_per_condition
    condition = track.draw_conditions(batch // per_prompt, draw).repeat(per_prompt)
    null, codebook, student = track.null_condition(batch), track.tokenizer.codebook, copy.deepcopy(training.student)
    start = draw_start(batch, track, config.start, draw)
    codes = torch.randint(track.n_codes, (batch, track.n_tokens), generator=draw)
    logits = torch.randn(batch, track.n_tokens, track.n_codes, generator=draw)
    with torch.inference_mode():
        targets = method.space(track.tokenizer.decode(codebook[codes], condition))
    targets = {layer: target.clone() for layer, target in targets.items()}
    drafts = {layer: target + 0.1 * torch.randn(target.shape, generator=draw) for layer, target in targets.items()}

    def graph() -> None:
        student.zero_grad(set_to_none=True)
        embeddings = draft_logits(student, start, condition, config.start).softmax(-1) @ codebook
        features = method.space(track.tokenizer.decode(embeddings, condition))
        sum((found * drafts[layer]).sum() for layer, found in features.items()).backward()

    def teacher() -> None:
        with torch.inference_mode():
            guided_logits(track.teacher, codes, condition, null, config.refine.guidance)

    def target() -> None:
        with torch.inference_mode():
            method.space(track.tokenizer.decode(codebook[codes], condition))

    def draws() -> None:
        draft_codes(logits, draw_noise(batch, track, config.start, draw), config.start)
        draw_codes(logits, draw, config.refine.temperature, config.refine.sampling)

    optimizer = torch.optim.AdamW(student.parameters(), lr=0.0, betas=tuple(config.optim.betas), weight_decay=0.0)
    average = [weight.detach().clone() for weight in student.parameters()]

    @torch.no_grad()
    def update() -> None:
        nn.utils.clip_grad_norm_(student.parameters(), config.optim.clip)
        optimizer.step()
        for mean, weight in zip(average, student.parameters(), strict=True):
            mean.lerp_(weight, 0.01)

    return {
        "student, decoder, backbone, both ways": graph,
        "teacher, two calls": teacher,
        "decoder and backbone of the repair": target,
        "drift fields": lambda: method._fields(drafts, targets),
        "codes of draft and repair": draws,
        "clip, AdamW, average": update,
    }


if __name__ == "__main__":
    main()
