"""Any text-to-image pipeline of diffusers, by hub name or local path. Registry entry `diffusers`.

Noise is drawn on the CPU from one generator per image, keyed like everything else (seed, suite, item, replicate): any
batch size, restart or device starts from the same noise.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fpd_bench.assets.hostile import first_words, refuse_hostile
from fpd_bench.assets.hub_pipelines import locate
from fpd_bench.bench import Images, Suite
from fpd_bench.config.schema import GeneratorConfig, RunConfig
from fpd_bench.errors import AssetError, ConfigError, FpdError, UnknownName
from fpd_bench.models import devices
from fpd_bench.models.pickled_module import pickled_state
from fpd_bench.models.streams import generator_of
from fpd_bench.models.torch_files import read_torch
from fpd_bench.registry import generators

BATCH = 4  # images at once, unless execution.micro_batch says otherwise
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


@generators.register("diffusers")
class DiffusersGenerator:
    """`config.generator` says which pipeline, how many steps, which guidance, dtype, scheduler, UNet and LoRA."""

    def __init__(self, config: RunConfig):
        self.config, self.settings = config, config.generator
        device = devices.open_device(config.execution.device)
        self.pipeline = open_pipeline(self.settings).to(device)
        self.assets = {f"diffusers/{name}": value for name, value in _revisions(self.pipeline, self.settings).items()}

    def images(self, suite: Suite, replicates: int, begin: int = 0) -> Iterator[Images]:
        """Draw the suite's images. Raises ConfigError for an argument that this pipeline does not take."""
        keys = [(item, replicate) for item in suite.items for replicate in range(replicates)]
        size = self.config.execution.micro_batch or BATCH
        for first in range(begin, len(keys), size):
            batch = keys[first : first + size]
            noise = [generator_of(self.config.seed, suite.name, item.id, replicate) for item, replicate in batch]
            yield from self._draw([item.prompt for item, _ in batch], noise)

    @torch.inference_mode()
    def _draw(self, prompts: list[str], noise: list[torch.Generator]) -> Iterator[Images]:
        try:
            found = self.pipeline(prompts, generator=noise, output_type="np", **call_arguments(self.settings)).images
        except TypeError as error:  # a pipeline without guidance, timesteps or sizes
            raise ConfigError(f"{type(self.pipeline).__name__} of '{self.settings.source}': {error}.") from error
        if not np.isfinite(found).all():
            raise ConfigError(
                f"'{self.settings.source}' gave NaN or infinite pixels with generator.dtype={self.settings.dtype}. "
                "Try bfloat16 or float32."
            )
        yield from (np.asarray(found).clip(0, 1) * 255 + 0.5).astype(np.uint8)


def call_arguments(settings: GeneratorConfig) -> dict[str, Any]:
    """Return the arguments of the pipeline's call that are set: everything else is the pipeline's own default."""
    given: dict[str, Any] = {}
    if settings.timesteps:
        given["timesteps"] = list(settings.timesteps)
    if settings.steps:
        given["num_inference_steps"] = settings.steps
    if settings.guidance >= 0:
        given["guidance_scale"] = settings.guidance
    if settings.size:
        given |= {"height": settings.size, "width": settings.size}
    return given


def open_pipeline(settings: GeneratorConfig) -> Any:
    """Open the pipeline, its UNet, LoRA and scheduler as asked. Raises AssetError, UnknownName or ConfigError."""
    try:
        import diffusers
    except ImportError as error:
        raise ConfigError("method=diffusers needs diffusers. Run: pip install 'fpd-bench[diffusers]'") from error
    options: dict[str, Any] = {"dtype": getattr(torch, settings.dtype)}
    options |= {"variant": settings.variant} if settings.variant else {}
    if settings.custom_pipeline:  # asked for by name, so its code may run
        options |= {"custom_pipeline": settings.custom_pipeline, "trust_remote_code": True}
    source = locate(settings.source)
    try:
        with _without_advice_on_pickles():  # what comes of them is told below
            pipeline: Any = diffusers.DiffusionPipeline.from_pretrained(source, **options)
        if settings.unet:
            with _without_advice_on_pickles():
                pipeline.unet = _unet(locate(settings.unet, ""), pipeline.unet)
        if settings.lora:
            pipeline.load_lora_weights(_read_weights(_find_file(locate(settings.lora, ""))))
    except FpdError:
        raise
    except Exception as error:  # diffusers, transformers, safetensors and pickle raise many kinds over damaged files
        for path in sorted(path for path in Path(source).rglob("*") if path.suffix in PICKLES):
            refuse_hostile(path)
        said = " ".join(str(error).split())[:300] or type(error).__name__
        if "eights_only" in said or "eights only" in said:  # torch's own words advise to run the file's code
            said = first_words(error)
        raise AssetError(f"'{source}' cannot be opened as a pipeline: {said}") from error
    if settings.scheduler:
        pipeline.scheduler = scheduler_class(settings.scheduler, diffusers).from_config(pipeline.scheduler.config)
    if settings.noise_scale:
        _scale_noise(pipeline.scheduler, settings.noise_scale)
    if getattr(pipeline, "safety_checker", None) is not None:  # would blacken images, and GenEval's code removes it
        pipeline.safety_checker = None
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@contextmanager
def _without_advice_on_pickles() -> Iterator[None]:
    """Keep to ourselves that diffusers calls a .bin unsafe, with an argument of its own to set: only tensors are read.

    Torch's warning of a pickle's protocol is kept back, too; all else that is logged is heard.
    """

    def is_no_advice(record: logging.LogRecord) -> bool:
        said = record.getMessage()
        return "allow_pickle" not in said and "trying to fetch" not in said  # a failure is told by its error

    handlers = [*logging.getLogger("diffusers").handlers, *logging.getLogger().handlers]
    for handler in handlers:
        handler.addFilter(is_no_advice)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Detected pickle protocol")
            yield
    finally:
        for handler in handlers:
            handler.removeFilter(is_no_advice)


def scheduler_class(name: str, diffusers: Any) -> Any:
    known = [word for word in dir(diffusers) if word.endswith("Scheduler") and not word.startswith(("Flax", "_"))]
    if name not in known:
        raise UnknownName("scheduler", name, known, "generator.scheduler")
    return getattr(diffusers, name)


def _scale_noise(scheduler: Any, scale: float) -> None:
    try:
        scheduler.init_noise_sigma = scale
    except AttributeError as error:  # computed from its timesteps
        raise ConfigError(
            f"generator.noise_scale={scale}: {type(scheduler).__name__} computes its own scale. Use another scheduler, "
            "for example generator.scheduler=LCMScheduler."
        ) from error


def _unet(where: str, old: Any) -> Any:
    """Open the UNet of a file, or of a folder or repository in diffusers' layout, of the old one's kind and dtype."""
    where = _find_file(where)
    if not Path(where).is_file():
        return type(old).from_pretrained(where, dtype=old.dtype)
    old.load_state_dict(_read_weights(where))
    return old


def _find_file(where: str) -> str:
    """Find a file: a path or a repository as it is, REPOSITORY/FILE fetched from the hub."""
    names = where.split("/")
    if Path(where).exists() or len(names) < 3:
        return where
    from huggingface_hub import hf_hub_download

    return hf_hub_download("/".join(names[:2]), "/".join(names[2:]))


def _read_weights(path: str) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    if path.endswith(".pkl"):
        return pickled_state(path)
    return load_file(path) if path.endswith(".safetensors") else read_torch(Path(path))


def _revisions(pipeline: Any, settings: GeneratorConfig) -> dict[str, str]:
    """Return the hub's commit, if it came from there, and the class that draws."""
    found = {"pipeline": type(pipeline).__name__, "source": settings.source}
    commit = getattr(getattr(pipeline, "unet", None) or getattr(pipeline, "transformer", None), "config", {})
    revision = commit.get("_commit_hash") if hasattr(commit, "get") else None
    return found | ({"revision": str(revision)} if revision else {})
