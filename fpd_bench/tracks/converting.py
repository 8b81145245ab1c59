"""`python -m fpd_bench.tracks convert`: an old pickle's weights as .safetensors, none of its code run."""

import os
from pathlib import Path

from safetensors.torch import save_file

from fpd_bench.assets.hostile import refuse_hostile
from fpd_bench.assets.values import check_archive
from fpd_bench.assets.weight_files import refuse_text
from fpd_bench.assets.wrappings import WRAPPERS, hidden_under, without_tensors
from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.models.pickled_module import is_tensor, module_state, read_pickle
from fpd_bench.models.weight_loading import KNOWN_MODELS, identify
from fpd_bench.records.layout import sha256


def convert(path: Path, name: str = "", out: Path | None = None) -> str:
    """Write the weights of `path` beside it, or to `out`; return a line that says what was written.

    name: which of several objects in the file, for example ema. Raises AssetError for a file without weights, or
    without that object, ConfigError for a target that is there already.
    """
    target = out or path.with_suffix(".safetensors")
    if not path.is_file():
        raise AssetError(f"Weights '{path}': no such file.")
    if target.exists():
        raise ConfigError(f"'{target}' is there already. Delete it, or name another file with --out.")
    refuse_text(path)
    check_archive(path)
    content = read_pickle(path)
    state = module_state(content, name)
    if not state:
        refuse_hostile(path)
        found = hidden_under(content, is_tensor)
        if name and name not in found:
            listed = ", ".join(found) or f"none but {', '.join(WRAPPERS)}"
            raise AssetError(f"Weights '{path}' hold no tensors under '{name}'. Names with tensors: {listed}.")
        raise AssetError(without_tensors(path, found))
    origin = {"converted_from": path.name, "sha256": sha256(path)}
    unfinished = target.with_name(f".{target.name}.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        save_file({key: value.detach().clone().contiguous() for key, value in state.items()}, unfinished, origin)
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)
    kind, numbers = identify(state), sum(value.numel() for value in state.values())
    what = f"a {KNOWN_MODELS[kind].title}" if kind else "a model that fpd-bench does not know"
    return f"{target}: {len(state)} tensors, {numbers / 1e6:,.1f} M numbers, {what}"
