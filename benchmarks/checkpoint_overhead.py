"""What checkpoints add to training at the default interval, on the shapes track.

    python benchmarks/checkpoint_overhead.py [--repeats 7]

A step and a checkpoint (state, file, hash, removal of the one before last) are measured in turn; the ratio is
1 + checkpoint / (interval x step). Goal: 1.01. CPU time, one thread; wall time of the checkpoint includes the disk.
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch
from side_by_side import Row, measure, milliseconds, report

from fpd_bench.config.compose import compose
from fpd_bench.distill.trainer import Training
from fpd_bench.registry import tracks
from fpd_bench.runs.folder import checkpoints


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    config = compose(["track.preset=plain"])
    training = Training(config, tracks.get("shapes")("plain"))
    rows = []
    with tempfile.TemporaryDirectory() as folder:

        def save() -> None:
            checkpoints.save(Path(folder), training.step, training.state_dict())

        for clock, name in ((time.process_time, "CPU"), (time.perf_counter, "wall, busy machine")):
            times = measure({"step": training.advance, "save": save}, asked.repeats, clock)
            every = config.execution.checkpoint_every
            extra = times.ratio("save", "step") / every
            rows.append(
                Row(f"training with a checkpoint every {every} steps ({name})", "training without",
                    f"{milliseconds(times['save'])} each", f"{milliseconds(times['step'])} a step", 1 + extra,
                    asked.repeats, times.spread("save", "step") * extra, "<= 1.01" if name == "CPU" else "")
            )  # fmt: skip
    report(*rows)


if __name__ == "__main__":
    main()
