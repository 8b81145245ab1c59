"""The bench on real handwriting: class-conditional, as the paper's Table 2, and small enough for a laptop.

Door: `track.DigitsTrack`, `build.build`, `files.verify`.
It never trains a network, nor lets a
discriminator look, on an image that is not of the train part.
"""
