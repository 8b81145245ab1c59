"""Networks without training code, and the random streams, masks and samplers that everything draws with.

Door: each file is one.
It never knows a track, a method or a run directory.
"""
