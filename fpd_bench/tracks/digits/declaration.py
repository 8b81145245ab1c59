"""What is said of track `digits` before its code is imported; needs no torch."""

from fpd_bench.declarations import Refusal, TrackDeclaration, TrackSizes
from fpd_bench.metrics import CLASSES, FIDELITY, HELDOUT, VENDI

_HERE = "fpd_bench.tracks.digits"
DIGITS = TrackDeclaration(
    f"{_HERE}.track",
    "class-conditional, on real handwriting (5,000 of MNIST's digits; preset fashion: 70,000 pictures of clothing): "
    "scored by a classifier, and by FID and its kin against held-out images; trains and scores on a laptop, offline",
    refuses=(
        Refusal(
            {"evaluation.fidelity": ("adm", "lite0")},
            "this track compares with held-out images, in features of its own; leave it out",
        ),
    ),
    presets={name: TrackSizes(16, 32, strides=(2, 4, 8, 16, 32)) for name in ("default", "fashion")},  # of Lite0
    shipped=("default", "fashion"),
    sampler=("teacher_guidance", "teacher_noise"),
    evaluations=(CLASSES, FIDELITY, HELDOUT, VENDI),
    verify=f"{_HERE}.files:verify",
    prompts=f"{_HERE}.class_names:check_texts",
    build=f"{_HERE}.command:build",
)
