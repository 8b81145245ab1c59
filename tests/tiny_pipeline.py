"""A tiny Stable Diffusion with random weights, saved in the layout in which pipelines are published."""

import json

import pytest
import torch


@pytest.fixture(scope="session")
def pipeline_folder(tmp_path_factory):
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    folder = tmp_path_factory.mktemp("hub") / "tiny-sd"
    words = [chr(c) for c in range(33, 127)]
    vocabulary = [*words, *(f"{word}</w>" for word in words), "<|startoftext|>", "<|endoftext|>"]
    files = tmp_path_factory.mktemp("tokenizer")
    (files / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(vocabulary)}))
    (files / "merges.txt").write_text("#version: 0.2\n")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        unet = UNet2DConditionModel(
            sample_size=8, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, cross_attention_dim=16,
            attention_head_dim=4, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        )  # fmt: skip
        vae = AutoencoderKL(
            block_out_channels=(8, 8), norm_num_groups=4, latent_channels=4,
            down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        )  # fmt: skip
        layers = CLIPTextConfig(
            vocab_size=len(vocabulary), hidden_size=16, intermediate_size=16, num_attention_heads=2,
            num_hidden_layers=1, max_position_embeddings=77, bos_token_id=len(vocabulary) - 2,
            eos_token_id=len(vocabulary) - 1, pad_token_id=len(vocabulary) - 1,
        )  # fmt: skip
        text = CLIPTextModel(layers)
    tokenizer = CLIPTokenizer(str(files / "vocab.json"), str(files / "merges.txt"), model_max_length=77)
    scheduler = DDIMScheduler(clip_sample=False, steps_offset=1)
    parts = {"unet": unet, "vae": vae, "text_encoder": text, "tokenizer": tokenizer, "scheduler": scheduler}
    whole = StableDiffusionPipeline(**parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    whole.save_pretrained(folder)
    return folder
