"""What is said of track `maskgit` before its code is imported; needs no torch."""

from fpd_bench.assets.published_files import DINO, PublishedFile, TrackFiles
from fpd_bench.declarations import PAIR_STEPS, TrackDeclaration, TrackSizes
from fpd_bench.metrics import FIDELITY

_HERE = "fpd_bench.tracks.maskgit"
FILES = TrackFiles(
    "maskgit",
    models=(
        PublishedFile(
            "teacher",
            "maskgit",
            "llvictorll/Maskgit-pytorch",
            "pretrained_maskgit/MaskGIT/MaskGIT_ImageNet_256.pth",
            network=f"{_HERE}.networks:build_teacher",
        ),
        PublishedFile(
            "tokenizer",
            "vqgan",
            "llvictorll/Maskgit-pytorch",
            "pretrained_maskgit/VQGAN/last.ckpt",
            ("pretrained_maskgit/VQGAN/model.yaml",),
            "an old Lightning pickle: python -m fpd_bench.tracks convert makes it readable",
            network=f"{_HERE}.networks:build_tokenizer",
        ),
        DINO,
    ),
    reference=True,
)
MASKGIT = TrackDeclaration(
    f"{_HERE}.track",
    "the paper's ImageNet track: MaskGIT-pytorch v1, its VQGAN, DINOv3, scored by FID; needs published weights",
    presets={"default": TrackSizes(tokens=256, pixels=256, strides=(16,) * 12, patch=16)},  # DINOv3 ViT-B/16
    evaluations=(FIDELITY,),
    fidelity="adm",
    items={"test": 1000, "validation": 1000},
    published=FILES,
    examples=("1", "3", "7", "9"),
    pair_steps=PAIR_STEPS,
    sampler=("teacher_guidance", "teacher_ramp", "teacher_noise", "teacher_schedule"),
    blueprint=f"{_HERE}.blueprint:draw",
    judge=f"{_HERE}.judge:open_suites",
)
