"""fpd-bench: an ablation and benchmarking harness for Fixed-Point Distillation (arXiv 2605.21484)."""

__version__ = "0.1.0"
