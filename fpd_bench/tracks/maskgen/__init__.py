"""The paper's text-to-image track (Tables 1, 3, 4): MaskGen-L with TA-TiTok and CLIP, scored by the real GenEval.

Door: `declaration.MASKGEN`, `track.MaskGenTrack`.
Weights, captions and pictures come from the user's folders; it never trains a teacher and never fetches by itself.
"""
