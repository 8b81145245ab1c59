"""What is said of track `shapes` before its code is imported; needs no torch."""

from fpd_bench.declarations import TrackDeclaration, TrackSizes
from fpd_bench.metrics import GENEVAL, LAYOUTS

_HERE = "fpd_bench.tracks.shapes"
_STAGES = (2, 4, 8, 16, 32)  # of the embedded EfficientNet-Lite0
SHAPES = TrackDeclaration(
    f"{_HERE}.track",
    "coloured shapes with GenEval's six tasks, on white or woven (presets plain, textured, ...); trains and scores on "
    "a laptop, offline",
    presets={
        "plain": TrackSizes(16, 32, _STAGES),
        "textured": TrackSizes(16, 32, _STAGES),
        "scattered": TrackSizes(16, 32, _STAGES),
        "coarse": TrackSizes(16, 32, _STAGES),
        "large": TrackSizes(36, 48, _STAGES),
        "free": TrackSizes(100, 40, _STAGES),
    },
    default="scattered",
    hashed_as={"plain": "default"},  # its name before there were other worlds to tell it from (docs/adr/0014)
    shipped=("plain", "textured", "scattered"),
    sampler=("teacher_guidance", "teacher_noise"),
    evaluations=(GENEVAL, LAYOUTS),
    verify=f"{_HERE}.files:verify",
    prompts=f"{_HERE}.prompts:check_texts",
    build=f"{_HERE}.command:build",
    buildable=("teacher", "backbone"),
)
