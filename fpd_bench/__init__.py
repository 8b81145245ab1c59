"""fpd-bench: an ablation and benchmarking harness for Fixed-Point Distillation (arXiv 2605.21484).

From Python: `fpd_bench.load("table3").scores()` and `fpd_bench.report("table3")` (docs/python.md).
"""

from typing import Any

__version__ = "0.1.0"
__all__ = ["load", "report"]


def __getattr__(name: str) -> Any:
    """Import what notebooks use when it is asked for: `load` and `report`, which is also a front door's module."""
    from importlib import import_module  # `import fpd_bench` costs nothing else

    if name == "load":
        return import_module("fpd_bench.api").load
    if name == "report":
        return import_module("fpd_bench.report")
    raise AttributeError(f"module 'fpd_bench' has no attribute '{name}'. From Python there are load and report.")
