"""The paper's class-conditional track (Table 2): MaskGIT-pytorch v1 on ImageNet 256 x 256, scored by FID.

Door: `declaration.MASKGIT`, `track.MaskGitTrack`.
Weights and pictures come from the user's folders; it never trains a teacher and never scores an image by itself.
"""
