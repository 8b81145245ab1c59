"""What a pipeline of diffusers is made of: its class, its parts and their configurations. Needs no torch.

On disk: `model_index.json` names the parts, a folder of each part's name holds its configuration.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fpd_bench.assets.hub_pipelines import INDEX
from fpd_bench.errors import AssetError
from fpd_bench.files.text import read_json

NETWORK = "config.json"
CONFIGS = (NETWORK, "scheduler_config.json", "tokenizer_config.json")  # at most one of them in a part's folder


@dataclass(frozen=True)
class Part:
    """library: diffusers, transformers, or a folder of diffusers.pipelines; kind: a class of it."""

    library: str
    kind: str
    config: Mapping[str, Any]


@dataclass(frozen=True)
class Layout:
    """kind: a pipeline's class. options: its arguments that are no parts, such as a flag."""

    kind: str
    components: Mapping[str, Part]
    options: Mapping[str, Any] = field(default_factory=dict)


def read_layout(folder: Path) -> Layout:
    """Read the layout of a pipeline's folder, whose weights need not be there. Raises AssetError."""
    index = read_json(folder / INDEX)
    components, options = {}, {}
    for name, entry in index.items():
        if isinstance(entry, list):
            if len(entry) < 2 or not all(word is None or isinstance(word, str) for word in entry[:2]):
                raise AssetError(f"'{folder / INDEX}': a part is [library, class]; '{name}' is {entry!r:.60}.")
            library, kind = entry[:2]
            if kind:  # [null, null] is a part that the pipeline does without
                components[name] = Part(str(library), kind, _config(folder / name))
        elif not name.startswith("_"):
            options[name] = entry
    return Layout(str(index.get("_class_name", "")), components, options)


def _config(folder: Path) -> dict[str, Any]:
    return next((read_json(folder / name) for name in CONFIGS if (folder / name).is_file()), {})
