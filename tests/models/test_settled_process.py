"""A process of ours keeps the memory that it frees: its next tensors cost no page faults."""

import os
import subprocess
import sys

import pytest

MEASURE = """
import resource, sys, torch
from fpd_bench.models.devices import settle_process
if sys.argv[1] == "settled":
    settle_process(1)
def use():
    for _ in range(5):
        big = torch.ones(2**23)
        small = [torch.ones(2**18) for _ in range(8)]
for _ in range(3):  # by then the heap has found its size, wherever the kernel has put it
    use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before, torch.get_num_threads())
"""


def faults(kind, **more):
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    words = [sys.executable, "-c", MEASURE, kind]
    said = subprocess.run(words, env=plain | more, capture_output=True, text=True, check=True).stdout
    return tuple(map(int, said.split()))


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is asked to keep memory")
def test_freed_memory_is_used_again():
    pages, threads = faults("settled")
    assert threads == 1
    assert pages < faults("as it comes")[0] / 4  # one growth of the heap more is a sixth


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is asked to keep memory")
def test_the_environment_stands_above():
    assert faults("settled", MALLOC_MMAP_THRESHOLD_="131072")[0] > 5000
