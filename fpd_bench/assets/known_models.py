"""The published models, and how a file of weights is told to hold one: by the names of its tensors. Needs no torch."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class KnownModel:
    """A model whose weights can be told from its keys: every mark must begin some key.

    Empty `hub`: a model we recognise only to refuse it. `ignored`: keys (by beginning) that ours has no use for.
    """

    title: str
    marks: tuple[str, ...]
    hub: str = ""
    file: str = ""
    ignored: tuple[str, ...] = ()

    def matches(self, names: Collection[str]) -> bool:
        """Say whether the tensors' names have this model's marks."""
        return all(any(name.startswith(mark) for name in names) for mark in self.marks)

    def how_to_get(self, path: Path) -> str:
        """Give the command that fetches the published file next to `path`."""
        return f"Get it with: hf download {self.hub} {self.file} --local-dir {path.parent}"


_CLIP_REST = ("visual.", "logit_scale", "logit_bias", "attn_mask", "input_resolution", "context_length", "vocab_size")
KNOWN_MODELS: dict[str, KnownModel] = {
    "maskgit": KnownModel(
        "MaskGIT-pytorch v1 transformer",
        ("tok_emb.weight", "pos_emb", "bias", "first_layer.0.", "transformer.layers.0.0.fn.mha."),
        "llvictorll/Maskgit-pytorch",
        "pretrained_maskgit/MaskGIT/MaskGIT_ImageNet_256.pth",
    ),
    "vqgan": KnownModel(
        "taming VQGAN",
        ("encoder.down.0.block.0.", "decoder.mid.attn_1.q.", "quantize.embedding.weight", "post_quant_conv."),
        "llvictorll/Maskgit-pytorch",
        "pretrained_maskgit/VQGAN/last.ckpt",
        ignored=("loss.",),
    ),
    "maskgen": KnownModel(
        "MaskGen (VQ) transformer",
        ("text_embed_proj.", "cond_pooled_proj.", "blocks.0.attn.add_k_proj."),
        "turkeyju/generator_maskgen_vq_l",
        "model.safetensors",
    ),
    "tatitok": KnownModel(
        "TA-TiTok tokenizer",
        ("latent_tokens", "decoder.text_guidance_proj.", "quantize.embedding.weight"),
        "turkeyju/tokenizer_tatitok_bl128_vq",
        "model.safetensors",
    ),
    "clip_text": KnownModel(
        "CLIP model under OpenAI's keys",
        ("token_embedding.weight", "positional_embedding", "transformer.resblocks.0.", "text_projection"),
        "timm/vit_large_patch14_clip_336.openai",
        "open_clip_model.safetensors",
        ignored=_CLIP_REST,
    ),
    "halton": KnownModel(
        "Halton-MaskGIT transformer (today's default branch of the MaskGIT-pytorch repository, not v1)",
        ("cls_emb.weight", "tok_emb.weight", "last_norm."),
    ),
    "llamagen_vq": KnownModel(
        "LlamaGen VQ tokenizer (Halton-MaskGIT's, not v1's)", ("encoder.conv_blocks.", "quantize.")
    ),
    "maskgen_kl": KnownModel(
        "MaskGen with continuous tokens (KL)", ("text_pooled_emb.", "decoder_blocks.0.", "diffloss.")
    ),
    "tatitok_kl": KnownModel("TA-TiTok with continuous tokens (KL)", ("latent_tokens", "decoder.text_guidance_proj.")),
    "titok": KnownModel("TiTok tokenizer without text guidance", ("latent_tokens", "decoder.mask_token")),
    "hf_clip": KnownModel("CLIP model under transformers' keys", ("text_model.embeddings.", "text_model.encoder.")),
}


def identify(names: Collection[str]) -> str | None:
    """Name the model in KNOWN_MODELS whose tensors have these names; None if no marks fit."""
    return next((kind for kind, model in KNOWN_MODELS.items() if model.matches(names)), None)
