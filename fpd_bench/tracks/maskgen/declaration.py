"""What is said of track `maskgen` before its code is imported; needs no torch."""

from fpd_bench.assets.published_files import COLOURS, DETECTOR, DINO, PublishedFile, TrackFiles
from fpd_bench.declarations import PAIR_STEPS, Scoring, TrackDeclaration, TrackSizes
from fpd_bench.metrics import GENEVAL, VENDI

_HERE = "fpd_bench.tracks.maskgen"
FILES = TrackFiles(
    "maskgen",
    models=(
        PublishedFile(
            "teacher",
            "maskgen",
            "turkeyju/generator_maskgen_vq_l",
            "model.safetensors",
            ("config.json",),
            network=f"{_HERE}.networks:build_teacher",
        ),
        PublishedFile(
            "tokenizer",
            "tatitok",
            "turkeyju/tokenizer_tatitok_bl128_vq",
            "model.safetensors",
            ("config.json",),
            network=f"{_HERE}.networks:build_tokenizer",
        ),
        PublishedFile(
            "text",
            "clip_text",
            "timm/vit_large_patch14_clip_336.openai",
            "open_clip_model.safetensors",
            ("open_clip_config.json",),
            network=f"{_HERE}.networks:build_text",
        ),
        DINO,
    ),
    scorers=(DETECTOR, COLOURS),
    captions=True,
)
MASKGEN = TrackDeclaration(
    f"{_HERE}.track",
    "the paper's text-to-image track: MaskGen-L, TA-TiTok, CLIP, DINOv3, GenEval; needs published weights",
    presets={"default": TrackSizes(tokens=128, pixels=256, strides=(16,) * 12, patch=16)},  # DINOv3 ViT-B/16
    evaluations=(GENEVAL, VENDI),
    items={"test": 553, "validation": 100},
    # Mask2Former Swin-S (313 GMAC an image in its paper's table) and CLIP ViT-L/14, in float32.
    scoring=Scoring(flops=2 * 313e9, size=4 * (69e6 + 428e6)),
    published=FILES,
    examples=("a photo of a red apple", "a photo of two dogs", "a bird above a house", "a blue bus"),
    pair_steps=PAIR_STEPS,
    sampler=("teacher_guidance", "teacher_ramp", "teacher_noise", "teacher_schedule"),
    blueprint=f"{_HERE}.blueprint:draw",
    judge=f"{_HERE}.judge:open_suites",
)
