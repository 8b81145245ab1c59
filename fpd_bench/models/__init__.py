"""Networks without training code, and the random streams, masks and samplers that everything draws with.

Door: each file is one.
It knows no track, no method and no run directory.
"""
