"""FID, Inception Score, precision, recall and KID of any stream of images.

Door: `measure.measure`; `python -m fpd_bench.evals.fidelity`.
A number never leaves without its protocol; numbers of different protocols are never ranked.
"""
