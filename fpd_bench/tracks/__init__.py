"""Benches to measure on: a teacher, its tokenizer, prompts or classes, and what scores images.

Door: the registry `tracks`; `python -m fpd_bench.tracks`.
A track knows nothing of methods, and students never see its test prompts.
"""
