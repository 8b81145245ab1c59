"""Weights in several .safetensors files with an index of what lies where, as transformers writes them."""

import hashlib
import json
from pathlib import Path

from fpd_bench.errors import AssetError
from fpd_bench.records.layout import sha256

INDEX = ".safetensors.index.json"


def index_of(path: Path) -> Path:
    """Say where the index of a .safetensors file lies that was written in parts."""
    return path.with_name(path.name.removesuffix(".safetensors") + INDEX)


def is_index(path: Path) -> bool:
    return path.name.endswith(INDEX)


def digest(path: Path) -> str:
    """Hash a file of weights; of an index, the hashes of its shards in order (sha256). Raises AssetError."""
    found = [sha256(part) for part in shard_files(path)]
    return hashlib.sha256(" ".join(found).encode()).hexdigest() if is_index(path) else found[0]


def shard_files(path: Path) -> list[Path]:
    """List the files with the tensors: the shards of an index, else the file itself. Raises AssetError."""
    if not is_index(path):
        return [path]
    try:
        places = json.loads(path.read_text())["weight_map"]
        shards = [path.with_name(name) for name in sorted(set(places.values()))]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AssetError(f"'{path}' is not an index of safetensors shards ({error!r}). Fetch it again.") from error
    absent = [shard.name for shard in shards if not shard.is_file()]
    if absent or not shards:
        listed = f"{len(absent)} of {len(shards)} shards are missing ({', '.join(absent[:3])})"
        raise AssetError(
            f"Weights '{path}': {listed if shards else 'it names no shards'}. Download them into the same folder."
        )
    return shards
