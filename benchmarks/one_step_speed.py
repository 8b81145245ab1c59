"""Images a second of a one-step student with decoding, against the guided teacher's sampler of 16 steps.

    python benchmarks/one_step_speed.py [--batch 128]

The student has the teacher's weights; both draw for the same prompts with a generator for each image, and decode to
pixels. The goal is a share of the ratio of network evaluations, 2 x 16 with guidance to 1. CPU time, one thread.
"""

import argparse

import torch
from side_by_side import Row, measure, number, report

from fpd_bench.config.schema import StartConfig
from fpd_bench.models.devices import settle_process
from fpd_bench.registry import tracks
from fpd_bench.runs.perform.suite_images import sample_one_step, to_pixels

STEPS, REPEATS = 16, 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=128)
    asked = parser.parse_args()
    settle_process(1)  # as every run does
    track = tracks.get("shapes")("plain")
    student, prompts = track.new_student().eval(), track.suite("test").condition
    condition = prompts[[n % len(prompts) for n in range(asked.batch)]]

    def noise():
        return [torch.Generator().manual_seed(n) for n in range(asked.batch)]

    def ours():
        return to_pixels(track, sample_one_step(track, student, condition, StartConfig(), noise()), condition)

    def teacher():
        return to_pixels(track, track.teacher_sample(condition, STEPS, noise()), condition)

    @torch.inference_mode()
    def network():
        return student(torch.full((asked.batch, track.n_tokens), track.n_codes), condition)

    times = measure({"ours": ours, "teacher": teacher, "network": network}, REPEATS)
    gain, spread = times.ratio("teacher", "ours"), times.spread("teacher", "ours")
    rates = [f"{number(asked.batch / times[side])} images/s" for side in ("ours", "teacher", "network")]
    report(
        Row("one step with decoding, images/s", f"teacher, {STEPS} steps, guided", *rates[:2], gain, REPEATS, spread),
        Row("the same over the ratio of evaluations", f"{2 * STEPS} to 1", number(gain), str(2 * STEPS),
            gain / (2 * STEPS), REPEATS, spread, ">= 0.95"),
        Row("one step with decoding, images/s", "one call of the network", rates[0], rates[2],
            times.ratio("ours", "network"), REPEATS, times.spread("ours", "network")),
    )  # fmt: skip


if __name__ == "__main__":
    main()
