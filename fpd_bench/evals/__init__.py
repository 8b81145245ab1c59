"""Images -> numbers: GenEval, fidelity, and how sure the numbers are.

Door: `geneval`, `fidelity`, `statistics`.
It never trains, never draws an image, and never reads a run directory.
"""
