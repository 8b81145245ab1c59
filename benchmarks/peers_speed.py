"""Step time and peak memory of every method on the same networks, against FPD's; the paper's claim about cost.

    python benchmarks/peers_speed.py [--steps 5]

The shapes track's plain world, default sizes, each method with its default settings. The paper says that no auxiliary
network halves the cost. Steps are measured in turn, CPU time, one thread; memory is what training adds to a process
that has loaded torch and the track.
"""

import argparse

import torch
from memory import peak_mb
from side_by_side import Row, measure, milliseconds, report

from fpd_bench.config.compose import compose
from fpd_bench.distill.trainer import Training
from fpd_bench.registry import tracks

PEERS = {"Di[M]O": "dimo", "Soft-Di[M]O": "soft_dimo", "D-MMD": "d_mmd", "ReDi": "redi", "SDTT": "sdtt", "Di4C": "di4c"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    track = tracks.get("shapes")("plain")
    track.backbone(torch.rand(2, 3, track.world.pixels, track.world.pixels))
    names = {"FPD": "fpd", **PEERS}
    memory = {name: peak_mb(lambda method=method: train(method, track, 2)) for name, method in names.items()}
    trainings = {
        name: Training(compose([f"method={method}", "track.preset=plain"]), track) for name, method in names.items()
    }
    times = measure({name: training.advance for name, training in trainings.items()}, asked.steps, warm=2)
    rows = []
    for name in PEERS:
        rows.append(Row(f"step of {name}", "step of FPD", milliseconds(times[name]), milliseconds(times["FPD"]),
                        times.ratio(name, "FPD"), asked.steps, times.spread(name, "FPD")))  # fmt: skip
        rows.append(Row(f"memory of {name}", "memory of FPD", f"{memory[name]:.0f} MB", f"{memory['FPD']:.0f} MB",
                        memory[name] / memory["FPD"], 1))  # fmt: skip
    report(*rows)


def begun(method: str, track) -> Training:
    return Training(compose([f"method={method}", "track.preset=plain"]), track)


def train(method: str, track, steps: int) -> None:
    training = begun(method, track)
    for _ in range(steps):
        training.advance()


if __name__ == "__main__":
    main()
