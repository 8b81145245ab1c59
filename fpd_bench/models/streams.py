"""Seeded randomness: a torch generator per purpose, so that a choice in one place never shifts another's draws."""

import hashlib

import torch

NAMES = ("conditions", "start", "draft", "refine", "adversary", "auxiliary")


def seed_of(*names: object) -> int:
    """Return a 63-bit seed from any key; the same on every machine."""
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


class Streams:
    """Named generators of one run; `state_dict` restores them bit for bit."""

    def __init__(self, seed: int):
        self._generators = {name: torch.Generator().manual_seed(seed_of("train", seed, name)) for name in NAMES}

    def __getitem__(self, name: str) -> torch.Generator:
        return self._generators[name]

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {name: generator.get_state() for name, generator in self._generators.items()}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        for name, generator in self._generators.items():
            generator.set_state(state[name])


def generator_of(seed: int, suite: str, item: str, replicate: int) -> torch.Generator:
    """Make the generator of one image's noise."""
    return torch.Generator().manual_seed(seed_of("sample", seed, suite, item, replicate))
