"""Published weights: read a file without running its code, tell which model it holds, fill ours or say why not.

Nothing here downloads: clusters often cannot, and a table must say which file it came from. Every refusal is an
AssetError that names the file, what was found in it and the command that gets the right one.
"""

import pickle
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from fpd_bench.errors import AssetError, UnknownName

WRAPPERS = ("model_state_dict", "state_dict")  # under which training scripts keep the weights
PREFIXES = ("module.", "model.", "_orig_mod.")  # left by DistributedDataParallel, by wrappers, by torch.compile
SHOWN = 3  # names listed in an error message


@dataclass(frozen=True)
class Kind:
    """A model whose weights can be told from its keys: every mark must begin some key.

    Empty `hub`: a model we recognise only to refuse it. `ignored`: keys (by beginning) that ours has no use for.
    """

    title: str
    marks: tuple[str, ...]
    hub: str = ""
    file: str = ""
    ignored: tuple[str, ...] = ()

    def matches(self, state: dict[str, Tensor]) -> bool:
        """Whether `state` has this model's marks."""
        return all(any(key.startswith(mark) for key in state) for mark in self.marks)

    def how_to_get(self, path: Path) -> str:
        """The command that fetches the published file next to `path`."""
        return f"Get it with: hf download {self.hub} {self.file} --local-dir {path.parent}"


_CLIP_REST = ("visual.", "logit_scale", "logit_bias", "attn_mask", "input_resolution", "context_length", "vocab_size")
KINDS: dict[str, Kind] = {
    "maskgit": Kind(
        "MaskGIT-pytorch v1 transformer",
        ("tok_emb.weight", "pos_emb", "bias", "first_layer.0.", "transformer.layers.0.0.fn.mha."),
        "llvictorll/Maskgit-pytorch",
        "pretrained_maskgit/MaskGIT/MaskGIT_ImageNet_256.pth",
    ),
    "vqgan": Kind(
        "taming VQGAN",
        ("encoder.down.0.block.0.", "decoder.mid.attn_1.q.", "quantize.embedding.weight", "post_quant_conv."),
        "llvictorll/Maskgit-pytorch",
        "pretrained_maskgit/VQGAN/last.ckpt",
        ignored=("loss.",),
    ),
    "maskgen": Kind(
        "MaskGen (VQ) transformer",
        ("text_embed_proj.", "cond_pooled_proj.", "blocks.0.attn.add_k_proj."),
        "turkeyju/generator_maskgen_vq_l",
        "model.safetensors",
    ),
    "tatitok": Kind(
        "TA-TiTok tokenizer",
        ("latent_tokens", "decoder.text_guidance_proj.", "quantize.embedding.weight"),
        "turkeyju/tokenizer_tatitok_bl128_vq",
        "model.safetensors",
    ),
    "clip_text": Kind(
        "CLIP model under OpenAI's keys",
        ("token_embedding.weight", "positional_embedding", "transformer.resblocks.0.", "text_projection"),
        "timm/vit_large_patch14_clip_336.openai",
        "open_clip_model.safetensors",
        ignored=_CLIP_REST,
    ),
    "halton": Kind(
        "Halton-MaskGIT transformer (today's default branch of the MaskGIT-pytorch repository, not v1)",
        ("cls_emb.weight", "tok_emb.weight", "last_norm."),
    ),
    "llamagen_vq": Kind("LlamaGen VQ tokenizer (Halton-MaskGIT's, not v1's)", ("encoder.conv_blocks.", "quantize.")),
    "maskgen_kl": Kind("MaskGen with continuous tokens (KL)", ("text_pooled_emb.", "decoder_blocks.0.", "diffloss.")),
    "tatitok_kl": Kind("TA-TiTok with continuous tokens (KL)", ("latent_tokens", "decoder.text_guidance_proj.")),
    "titok": Kind("TiTok tokenizer without text guidance", ("latent_tokens", "decoder.mask_token")),
    "hf_clip": Kind("CLIP model under transformers' keys", ("text_model.embeddings.", "text_model.encoder.")),
}


def identify(state: dict[str, Tensor]) -> str | None:
    """The name in KINDS of the model that `state` belongs to; None if no marks fit."""
    return next((name for name, kind in KINDS.items() if kind.matches(state)), None)


def load_state(path: str | Path, kind: str = "") -> dict[str, Tensor]:
    """The tensors of a .safetensors, .pth, .pt, .bin or .ckpt file, unwrapped and without common prefixes, on the CPU.

    kind: a name in KINDS, for the message if the file is missing. Raises AssetError if the file is missing,
    incomplete, not a weights file, or a pickle that wants to run code.
    """
    path = Path(path)
    if not path.is_file():
        hint = f" {KINDS[kind].how_to_get(path)}" if kind else ""
        what = "is a folder, not a weights file" if path.is_dir() else "does not exist"
        raise AssetError(f"Weights '{path}': {what}.{hint}")
    tensors = _unwrap(_read(path))
    if not tensors:
        raise AssetError(f"Weights '{path}': no tensors inside, nor under {' or '.join(WRAPPERS)}.")
    for prefix in PREFIXES:
        if all(key.startswith(prefix) for key in tensors):
            tensors = {key.removeprefix(prefix): value for key, value in tensors.items()}
    return tensors


def load_weights(model: nn.Module, path: str | Path, kind: str) -> None:
    """Fill `model` (in place) from a file that must hold a model of `kind`, every tensor of it and no other.

    Tied tensors (`model.tied`: key -> key) may be stored once. Raises AssetError, UnknownName for an unknown kind.
    """
    model.load_state_dict(fitting_state(model, path, kind))


def fitting_state(model: nn.Module, path: str | Path, kind: str) -> dict[str, Tensor]:
    """What `load_weights` would fill `model` with; the model is only looked at, so it may be on the meta device."""
    if kind not in KINDS:
        raise UnknownName("weights kind", kind, [name for name in KINDS if KINDS[name].hub])
    path, wanted = Path(path), KINDS[kind]
    state = load_state(path, kind)
    found = identify(state)
    if found != kind:
        other = f"a {KINDS[found].title}" if found else f"an unknown model (keys {_some(state)})"
        raise AssetError(f"Weights '{path}' hold {other}, not a {wanted.title}. {wanted.how_to_get(path)}")
    state = {key: value for key, value in state.items() if not key.startswith(wanted.ignored or ("\0",))}
    for pair in getattr(model, "tied", {}).items():
        for key, twin in (pair, pair[::-1]):
            if key not in state and twin in state:
                state[key] = state[twin]
    check_fit(model.state_dict(), state, f"Weights '{path}' ({wanted.title})")
    return state


def check_fit(ours: dict[str, Tensor], theirs: dict[str, Tensor], subject: str) -> None:
    """Raises AssetError unless both hold the same keys in the same shapes; subject: what `theirs` is."""
    missing, extra = ours.keys() - theirs.keys(), theirs.keys() - ours.keys()
    if missing or extra:
        raise AssetError(
            f"{subject} do not fit the model: {len(missing)} tensors missing {_some(missing)}, "
            f"{len(extra)} unknown {_some(extra)}. Is it another size of the model?"
        )
    wrong = [
        f"{key} {list(theirs[key].shape)} instead of {list(ours[key].shape)}"
        for key in sorted(ours)
        if theirs[key].shape != ours[key].shape
    ]
    if wrong:
        raise AssetError(f"{subject} are of another size: {'; '.join(wrong[:SHOWN])} ({len(wrong)} such tensors).")


def _some(keys: dict[str, Tensor] | set[str]) -> str:
    names = sorted(keys)
    return f"({', '.join(names[:SHOWN])}{', ...' if len(names) > SHOWN else ''})" if names else ""


def _unwrap(content: object) -> dict[str, Tensor]:
    for name in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
    if not isinstance(content, dict):
        return {}
    return {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, Tensor)}


def _read(path: Path) -> object:
    with path.open("rb") as file:
        start = file.read(64)
    if start.startswith(b"version https://git-lfs"):
        raise AssetError(f"Weights '{path}' are a Git LFS pointer, not the file. Run: git lfs pull")
    if start.lstrip()[:1] == b"<":
        raise AssetError(f"Weights '{path}' are a web page, not the file: the download was redirected or refused.")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, KeyError, ValueError) as error:
        if any(mark in str(error) for mark in ("Unsupported global", "Unsupported class", "TorchScript")):
            raise AssetError(_refused(path, str(error))) from error
        raise AssetError(
            f"Weights '{path}' are incomplete or corrupt ({_first_line(error)}). Fetch them again."
        ) from error


def _refused(path: Path, reason: str) -> str:
    """An old pickle: what it wants to import, and how to convert it once where that is acceptable."""
    wants = reason.partition("GLOBAL ")[2].split(" ")[0] or "TorchScript code"
    target = path.with_suffix(".safetensors")
    return (
        f"Weights '{path}' are a pickle that would run code ({wants}); fpd-bench does not load those. "
        f"If you trust its source, convert it once and use '{target}': "
        f'python -c "import torch; from safetensors.torch import save_file; '
        f"d = torch.load('{path}', map_location='cpu', weights_only=False); "
        f"d = d.state_dict() if hasattr(d, 'state_dict') else d; "
        f"d = d.get('model_state_dict', d.get('state_dict', d)); "
        f"save_file({{k: v.clone() for k, v in d.items() if torch.is_tensor(v)}}, '{target}')\""
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
