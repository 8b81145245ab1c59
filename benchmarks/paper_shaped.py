"""The paper's class-conditional track, narrow and with random weights, as a folder of files. Not a benchmark itself.

Tokens and codes are MaskGIT's (256 of 1,024), the backbone is a ViT of 12 blocks; widths, depth and pixels are small,
so that a step takes a second of one core.
"""

import json
from pathlib import Path

import timm
import torch
import yaml
from safetensors.torch import save_file

from fpd_bench.models.maskgit_networks import MaskGit
from fpd_bench.models.published_sizes import maskgit_shape, vqgan_shape
from fpd_bench.models.vqgan import Vqgan
from fpd_bench.tracks.maskgit.track import MaskGitTrack

PIXELS, GRID, CODES, WIDTH = 64, 16, 1024, 96
TEACHER = {
    "img_size": PIXELS, "hidden_dim": WIDTH, "codebook_size": CODES, "f_factor": GRID, "depth": 4, "heads": 4,
    "mlp_dim": 4 * WIDTH, "dropout": 0.1, "nclass": 1000,
}  # fmt: skip
VQGAN = {
    "z_channels": 64, "resolution": PIXELS, "in_channels": 3, "out_ch": 3, "ch": 32,
    "num_res_blocks": 1, "dropout": 0.0, "double_z": False,
}  # fmt: skip
VIT = {"embed_dim": WIDTH, "depth": 12, "num_heads": 4, "img_size": PIXELS}
SETTINGS = [
    "track.name=maskgit", "drift.blocks=[2,5,8,11]", "optim.batch=16", "optim.samples_per_condition=4",
]  # fmt: skip


def open_track(folder: Path, grid: int = GRID, codes: int = CODES, patch: int = 16) -> MaskGitTrack:
    """Write the files of the track into an empty folder, and open it. patch: of the backbone, px."""
    vit = VIT | {"patch_size": patch}
    halvings = (PIXELS // grid).bit_length() - 1
    shape = VQGAN | {"ch_mult": [1] * halvings + [2], "attn_resolutions": [grid]}
    torch.manual_seed(0)
    git = folder / "Maskgit-pytorch/pretrained_maskgit"
    teacher, tokenizer = git / "MaskGIT/MaskGIT_ImageNet_256.json", git / "VQGAN/model.yaml"
    backbone = folder / "vit_base_patch16_dinov3.lvd1689m/config.json"
    for path in (teacher, tokenizer, backbone):
        path.parent.mkdir(parents=True)
    teacher.write_text(json.dumps(TEACHER | {"codebook_size": codes, "f_factor": grid}))
    params = {"embed_dim": 64, "n_embed": codes, "ddconfig": shape}
    tokenizer.write_text(yaml.safe_dump({"model": {"target": "vqgan", "params": params}}))
    backbone.write_text(json.dumps({"architecture": "vit_base_patch16_dinov3", "model_args": vit}))
    network = MaskGit(maskgit_shape(teacher))
    torch.nn.init.normal_(network.tok_emb.weight, std=0.02)  # it is the output layer, too: else a code is certain
    torch.save({"model_state_dict": network.state_dict()}, teacher.with_suffix(".pth"))
    torch.save({"state_dict": Vqgan(vqgan_shape(tokenizer)).state_dict()}, tokenizer.with_name("last.ckpt"))
    net = timm.create_model("vit_base_patch16_dinov3", num_classes=0, **vit)
    save_file(net.state_dict(), backbone.with_name("model.safetensors"))
    return MaskGitTrack("default", folder, folder)
