"""Is the plan's arithmetic right? A training step of the shapes track: FLOPs as planned, as counted while it runs, and
the FLOP/s it reaches beside those of a large matrix product on the same machine.

    python benchmarks/plan_check.py [--steps 8] [--preset default] [key=value ...]

`planned / counted` should be 1. Seconds are CPU seconds of one thread. `of the peak` is this machine's utilisation:
what plan.utilisation means on a GPU. The first line also says what one number of noise costs, here and in the plan.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from fpd_bench.config.check import check
from fpd_bench.config.compose import compose
from fpd_bench.costs.run_cost import NUMBER_SECONDS
from fpd_bench.costs.step import step_cost
from fpd_bench.distill.trainer import Training
from fpd_bench.models.sampling import waiting_times
from fpd_bench.registry import tracks

VARIANTS = {
    "fpd ste": [],
    "fpd soft": ["estimator=soft"],
    "fpd ste, gan": ["gan.weight=0.1"],
    "fpd ste, gan twice, Phi at 64 px": ["gan.weight=0.1", "gan.updates=2", "drift.resize=64"],
    "fpd ste, pixels": ["drift.space=pixel", "drift.blocks=[]"],
    "fpd ste, micro-batch": ["execution.micro_batch=16"],
    "dimo": ["method=dimo"],
}
COLD = 2  # first steps, in which kernels are chosen and memory is claimed
SIDE = 1024  # of the matrix product


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="for every variant")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--preset", default="default")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    track, peak = tracks.get("shapes")(asked.preset), product_rate()
    print(
        f"preset {asked.preset}, one thread; a {SIDE} x {SIDE} product: {peak / 1e9:.1f} GFLOP/s; "
        f"a number of noise: {number_seconds() * 1e9:.1f} ns ({NUMBER_SECONDS * 1e9:g} in the plan)\n"
    )
    print("| variant | GFLOP/step planned | counted | planned / counted | CPU s/step | GFLOP/s | of the peak |")
    print("|---|" + "---:|" * 6)
    for name, overrides in VARIANTS.items():
        config = compose([f"track.preset={asked.preset}", *overrides, *asked.overrides])
        check(config)
        training = Training(config, track)
        with (
            sdpa_kernel(SDPBackend.MATH),
            FlopCounterMode(display=False) as counter,
        ):
            training.advance()
        counted, cost = counter.get_total_flops(), step_cost(config, None)
        seconds = median([cpu_seconds(training.advance) for _ in range(asked.steps + COLD)][COLD:])
        rate = counted / seconds
        numbers = f"{cost.total / 1e9:.2f} | {counted / 1e9:.2f} | {cost.total / counted:.3f} | {seconds:.3f}"
        print(f"| {name} | {numbers} | {rate / 1e9:.1f} | {rate / peak:.2f} |", flush=True)


def product_rate() -> float:
    """FLOP/s of a float32 matrix product, the best of some."""
    left, right = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE)
    return 2 * SIDE**3 / min(cpu_seconds(lambda: left @ right) for _ in range(10))


def number_seconds() -> float:
    """For one exponential number, the best of some; the memory they go to is claimed anew each time, as in a step."""
    shape, generator = (8, 128, 8192), torch.Generator().manual_seed(0)
    return min(cpu_seconds(lambda: waiting_times(shape, generator)) for _ in range(5)) / torch.Size(shape).numel()


def cpu_seconds(work: Callable[[], object]) -> float:
    """Of this process, so that a busy machine changes little."""
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    main()
