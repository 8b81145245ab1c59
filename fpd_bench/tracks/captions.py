"""Training captions from the user's data folder: a text file, Parquet files or WebDataset shards.

Whatever the source, draws are with replacement and depend on the generator alone, so that a resumed run goes on with
the captions that an uninterrupted one would have drawn.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch

from fpd_bench.assets.required_files import caption_files, captions_missing
from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.files.text import parse, read_text
from fpd_bench.tracks.webdataset import NoMembers, Shards

COLUMNS = ("caption", "text", "prompt")  # of a Parquet table or of a shard's .json, in any case


class Captions(Protocol):
    """Where training captions come from."""

    digest: str  # sha256, for a run's record

    def draw(self, n: int, generator: torch.Generator) -> list[str]:
        """Draw n captions, with replacement."""
        ...

    def describe(self) -> str:
        """Say how many captions there are, and from where."""
        ...


def open_captions(folder: Path) -> Captions:
    """Open captions.txt (one a line), captions*.parquet (a column caption, text or prompt), or shards *.tar with .txt
    or .json members; the first of these that is there. Raises AssetError."""
    found = caption_files(folder)
    if not found:
        raise AssetError(captions_missing(folder))
    readers: dict[str, Callable[[list[Path]], Captions]]
    readers = {".txt": TextCaptions, ".parquet": ParquetCaptions, ".tar": ShardCaptions}
    return readers[found[0].suffix](found)


class TextCaptions:
    """One caption a line; blank lines are left out."""

    def __init__(self, paths: list[Path]):
        self.path = paths[0]
        self._lines = [line for text in read_text(self.path).splitlines() if (line := _one_line(text))]
        if not self._lines:
            raise AssetError(f"'{self.path}' holds no captions.")
        self.digest = hashlib.sha256("\n".join(self._lines).encode()).hexdigest()

    def draw(self, n: int, generator: torch.Generator) -> list[str]:
        chosen = torch.randint(len(self._lines), (n,), generator=generator)
        return [self._lines[i] for i in chosen.tolist()]

    def describe(self) -> str:
        return f"{len(self._lines):,} captions in {self.path}"


class ParquetCaptions:
    """One column of Parquet files, kept in Arrow's memory (about the bytes of its text)."""

    def __init__(self, paths: list[Path]):
        try:
            import pyarrow as arrow
            import pyarrow.parquet as parquet
        except ImportError as error:
            raise ConfigError(f"Reading '{paths[0]}' needs pyarrow. Run: pip install 'fpd-bench[paper]'") from error
        self.paths = paths
        columns: list[Any] = []
        for path in paths:
            try:
                columns.append(_column(parquet.ParquetFile(path), path))
            except (arrow.ArrowException, OSError, UnicodeDecodeError) as error:
                said = " ".join(str(error).split())
                raise AssetError(f"'{path}' cannot be read as Parquet: {said}. Fetch it again.") from error
        self._column = arrow.chunked_array([chunk for part in columns for chunk in part.chunks], type=arrow.string())
        self._column = self._column.drop_null()
        if not len(self._column):
            raise AssetError(f"'{paths[0]}' holds no captions.")
        self.digest = _hash_of_names(paths)

    def draw(self, n: int, generator: torch.Generator) -> list[str]:
        chosen = torch.randint(len(self._column), (n,), generator=generator)
        return [_one_line(self._column[i].as_py()) for i in chosen.tolist()]

    def describe(self) -> str:
        return f"{len(self._column):,} captions in {len(self.paths)} Parquet file(s) such as {self.paths[0]}"


class ShardCaptions:
    """The .txt members of shards, or a field of their .json members; read as they are drawn."""

    def __init__(self, paths: list[Path]):
        self._shards = Shards(paths, (".txt",), "captions")
        try:
            self._shards.table(0)
        except NoMembers:
            self._shards = Shards(paths, (".json",), "captions")
            self._shards.table(0)
        self.digest = _hash_of_names(paths)
        _caption(next(iter(self._shards)), paths[0], self._shards.suffixes)  # a .json without a caption says so now

    def draw(self, n: int, generator: torch.Generator) -> list[str]:
        drawn = self._shards.draw(n, generator)
        return [_caption(content, self._shards.paths[0].parent, self._shards.suffixes) for content in drawn]

    def describe(self) -> str:
        return f"{len(self._shards.paths)} shard(s) such as {self._shards.paths[0]}"


def _column(file: Any, path: Path) -> Any:
    names = {name.lower(): name for name in file.schema_arrow.names}
    column = next((names[name] for name in COLUMNS if name in names), None)
    if column is None:
        columns = ", ".join(file.schema_arrow.names)
        raise AssetError(f"'{path}' has columns {columns}; captions need {' or '.join(COLUMNS)}.")
    found = file.read(columns=[column]).column(0).cast("string")
    found.validate(full=True)  # that it is UTF-8, which Arrow takes the file's word for
    return found


def _caption(content: bytes, where: Path, suffixes: tuple[str, ...]) -> str:
    try:
        if suffixes == (".txt",):
            return _one_line(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise AssetError(f"A caption in '{where}' is not UTF-8 text: {error}.") from error
    found = parse(content, f"A caption in '{where}'")
    if not isinstance(found, dict):
        raise AssetError(f"A caption in '{where}' must be a JSON object; got a {type(found).__name__}.")
    fields = {name.lower(): value for name, value in found.items()}
    name = next((name for name in COLUMNS if name in fields), None)
    if name is None:
        raise AssetError(f"A .json in '{where}' has fields {', '.join(fields)}; captions need {' or '.join(COLUMNS)}.")
    if not isinstance(fields[name], str):
        raise AssetError(f"A .json in '{where}' has {name} {fields[name]!r:.60}; a caption is a text.")
    return _one_line(fields[name])


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _hash_of_names(paths: list[Path]) -> str:
    """Hash by sha256 over names and sizes: the files themselves may be terabytes."""
    words = "".join(f"{path.name} {path.stat().st_size}\n" for path in paths)
    return hashlib.sha256(words.encode()).hexdigest()
