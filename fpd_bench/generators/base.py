"""The Generator protocol: where images come from when nothing here has trained the model that makes them."""

from collections.abc import Iterator
from typing import Protocol

from fpd_bench.bench import Images, Suite


class Generator(Protocol):
    """Made from a RunConfig; `config.generator` says what it reads.

    Raises ConfigError or AssetError, in one line, for what is missing.
    """

    assets: dict[str, str]  # what the images depend on -> hash or revision, recorded in every run

    def images(self, suite: Suite, replicates: int, begin: int = 0) -> Iterator[Images]:
        """Give uint8 [H, W, 3] of every item and replicate, item by item, all of one size; the first `begin` left
        out.
        """
        ...
