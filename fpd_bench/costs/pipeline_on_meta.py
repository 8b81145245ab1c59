"""A pipeline of diffusers whose networks lie on torch's meta device: every operation of a run, no weights.

Its configurations come from where the run would take them, as far as that is on this machine; else from
pipeline_configs.py.
"""

import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fpd_bench.assets import environment
from fpd_bench.assets.hub_pipelines import INDEX
from fpd_bench.config.schema import GeneratorConfig
from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.files.text import read_json
from fpd_bench.generators import pipeline_configs
from fpd_bench.generators.pipeline_layout import NETWORK, Layout, Part, read_layout
from fpd_bench.generators.pipelines import call_arguments, scheduler_class

CPU = torch.device("cpu")
LIBRARIES = ("diffusers", "transformers")
UNUSED = ("safety_checker", "feature_extractor")  # generators/pipelines.py removes the one, the other was for it
ENDLESS = 10**6  # tokens; "no limit" in a tokenizer's configuration is 10**30
HUB = r"\w[\w.-]*/[\w.-]+"  # a repository's name
HUB_FILE = rf"{HUB}/[\w./-]+"  # a file in one


class TokenizerStandIn:
    """Stands in for a tokenizer: prompts of the full length, whose words do not matter. No vocabulary is needed."""

    def __init__(self, length: int):
        self.model_max_length = length if length < ENDLESS else pipeline_configs.TOKENS

    def __call__(self, texts: str | list[str], max_length: int | None = None, **_: object) -> Any:
        from transformers import BatchEncoding

        shape = (1 if isinstance(texts, str) else len(texts), max_length or self.model_max_length)
        ids = torch.zeros(shape, dtype=torch.long)
        return BatchEncoding({"input_ids": ids, "attention_mask": torch.ones_like(ids)})

    def tokenize(self, text: str) -> list[str]:
        """Return no words, for none could stand for a textual inversion."""
        return []

    def encode(self, text: str, **_: object) -> list[int]:
        """Return a token for each word: the length of an instruction that a pipeline puts before the prompt."""
        return [0] * len(text.split())

    def batch_decode(self, ids: Tensor, **_: object) -> list[str]:
        """Return the words that a prompt has lost by being cut: none."""
        return [""] * len(ids)


def layout_of(settings: GeneratorConfig) -> Layout:
    """Read the layout of the pipeline that `settings` name, with its other UNet. Raises AssetError if its sizes are
    not on this machine.
    """
    source, folder = settings.source, local_folder(settings.source, INDEX)
    known = pipeline_configs.LAYOUTS.get(pipeline_configs.SOURCES.get(source, ""))
    layout = read_layout(folder) if folder else known
    if layout is None and not re.fullmatch(HUB, source):
        raise AssetError(f"'{source}' is not a folder with a {INDEX}")
    if layout is None:
        raise AssetError(
            f"the configuration files of '{source}', which give its sizes, are not here. Fetch them: "
            f"hf download {source} --include '*.json' --local-dir DIR, then generator.source=DIR"
        )
    if known and settings.custom_pipeline:  # whose code is not run for an estimate
        layout = replace(layout, kind=known.kind)
    if not settings.unet:
        return layout
    return replace(layout, components={**layout.components, "unet": _unet(settings.unet, layout)})


def _unet(named: str, layout: Layout) -> Part:
    """Describe another UNet. A file of weights fits the pipeline's own; a folder or a repository brings its own
    sizes.
    """
    own = layout.components.get("unet")
    if own is None:
        raise ConfigError(f"{layout.kind} has no UNet; got generator.unet={named}.")
    folder, path = local_folder(named, NETWORK), Path(named).expanduser()
    if folder:
        return replace(own, config=read_json(folder / NETWORK))
    if named in pipeline_configs.UNETS:
        return replace(own, config={**own.config, **pipeline_configs.UNETS[named]})
    if path.is_dir():
        raise AssetError(f"generator.unet={named} is a folder without a {NETWORK}")
    if path.is_file() or re.fullmatch(HUB_FILE, named):
        return own
    if re.fullmatch(HUB, named):
        raise AssetError(
            f"the configuration file of generator.unet={named}, which gives its sizes, is not here. Fetch it: "
            f"hf download {named} {NETWORK} --local-dir DIR, then generator.unet=DIR"
        )
    raise AssetError(f"generator.unet={named} does not exist")


def local_folder(named: str, file: str) -> Path | None:
    """Find where a run would find a file without the hub: a folder, a name in $FPD_WEIGHTS, a name in the hub's
    cache.
    """
    from huggingface_hub import try_to_load_from_cache

    place = environment.weights_place()
    kept = place / named.partition("/")[2] if place else None
    for folder in filter(None, (Path(named).expanduser(), kept)):
        if folder.is_dir() and (folder / file).is_file():
            return folder
    cached = try_to_load_from_cache(named, file) if re.fullmatch(HUB, named) else None
    return Path(cached).parent if isinstance(cached, str) else None


def pipeline_on_meta(settings: GeneratorConfig) -> Any:
    """Build the pipeline on the meta device, to be called by `call_pipeline`. Raises AssetError or ConfigError if its
    sizes are not on this machine, or cannot be read.
    """
    import diffusers

    layout = layout_of(settings)
    kind = getattr(diffusers, layout.kind, None)
    if kind is None:
        raise ConfigError(f"diffusers {diffusers.__version__} has no {layout.kind}")
    dtype = getattr(torch, settings.dtype)
    components = {name: _make_part(name, part, dtype) for name, part in layout.components.items() if name not in UNUSED}
    components |= {**layout.options, "requires_safety_checker": False}
    wanted = list(inspect.signature(kind.__init__).parameters.values())[1:]
    given = {one.name: components.get(one.name) for one in wanted if one.name in components or one.default is one.empty}
    # Noise, latents and the scheduler's tables are real: they stay on the CPU, where its branches can look at them.
    pipeline: Any = type(layout.kind, (kind,), {"device": CPU, "_execution_device": CPU})(**given)
    if settings.scheduler:
        pipeline.scheduler = scheduler_class(settings.scheduler, diffusers).from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@torch.inference_mode()
def call_pipeline(pipeline: Any, settings: GeneratorConfig, n: int) -> None:
    """Call the pipeline for n images, as a run does (DiffusersGenerator)."""
    noise = [torch.Generator().manual_seed(i) for i in range(n)]
    pipeline(["a photo"] * n, generator=noise, output_type="np", **call_arguments(settings))


def _make_part(name: str, part: Part, dtype: torch.dtype) -> Any:
    """Make a network on the meta device, a scheduler as it is, a stand-in for a tokenizer; None for anything else."""
    if "Tokenizer" in part.kind:
        return TokenizerStandIn(int(part.config.get("model_max_length", pipeline_configs.TOKENS)))
    kind = _import_class(name, part)
    if issubclass(kind, nn.Module):
        if not part.config:
            raise AssetError(f"the configuration of its {part.kind} is missing")
        with torch.device("meta"), _default_dtype(dtype):
            config_class = getattr(kind, "config_class", None)  # transformers' way, and diffusers'
            component = kind(config_class(**part.config)) if config_class else kind.from_config(part.config)
        return component.eval().requires_grad_(False)
    return kind.from_config(part.config) if part.kind.endswith("Scheduler") else None


def _import_class(name: str, part: Part) -> Any:
    """Import the class of a part. Raises ConfigError if its library has no such class, or is not installed."""
    home = part.library if part.library in LIBRARIES else f"diffusers.pipelines.{part.library}"
    try:
        return getattr(import_module(home), part.kind)
    except (ImportError, AttributeError, RuntimeError) as error:  # what their lazy modules raise
        what = " ".join(str(error).split())[:160]
        raise ConfigError(
            f"its part {name} is {part.library}'s {part.kind}, which cannot be imported: {what}"
        ) from error


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
