"""GenEval's prompts, rules and summary, with any detector.

Door: `scoring.evaluate_image`, `detectors.score_images`; `python -m fpd_bench.evals.geneval`.
It never decides which detector is used, and it agrees with the original, case by case (tests/golden).
"""
