"""The science: how a one-step student is trained. Reads like the paper, Eq. 4-8.

Door: `trainer.train`; a method is what `method.Method` says.
It never reads a run directory, never scores an image, and knows no track by name.
"""
