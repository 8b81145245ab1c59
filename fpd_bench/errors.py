"""Every exception this package raises on purpose.

FpdError
├── ConfigError            the user's mistake, found before work starts (exit code 2)
│   ├── UnknownName        a name that no registry, preset or sweep knows
│   ├── PluginError        a plugin, ours or of another package, whose code cannot be used
│   └── AssetError         a weights or data file that is missing, corrupt or foreign
├── RunError               a run that could not finish (exit code 1)
│   ├── Diverged           NaN or inf in training: a result, not a crash
│   ├── OddFile            a file of a run directory is not what we write: that run is corrupt, others go on
│   ├── RankDied           one of the processes that train a run together is gone
│   └── Interrupted        stopped on request after a checkpoint; the same command continues
│       └── Paused         at the step where it was to pause (execution.pause_at)
└── StoreError             the index cannot be read or written
"""

import difflib
from collections.abc import Iterable

from fpd_bench.secrets_mask import mask

MANY = 40  # names are too many to be listed
NEAREST = 5  # of them are shown


class FpdError(Exception):
    """Base of all errors raised on purpose; front doors print it as one message, without a traceback."""

    exit_code = 1

    def __str__(self) -> str:
        return mask(super().__str__())  # a message quotes what was asked for, and that may hold a password


class ConfigError(FpdError):
    """The request cannot be carried out as written."""

    exit_code = 2


class UnknownName(ConfigError):
    """A name that is not among the known ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str = "", listing: str = ""):
        """Suggest the nearest names. listing: how to see or to add more; a sentence without its full stop."""
        names = sorted(known)
        close = difflib.get_close_matches(str(name), names, n=NEAREST)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        place = f" in {where}" if where else ""
        listed = ", ".join(names) or "none"
        if len(names) > MANY:
            near = difflib.get_close_matches(str(name), names, n=NEAREST, cutoff=0.0)
            listed = f"{len(names)} names, the nearest: {', '.join(near)}"
        listed += f". {listing}" if listing else ""
        super().__init__(f"Unknown {kind} '{name}'{place}.{hint} Available: {listed}.")


class PluginError(ConfigError):
    """A plugin that was asked for cannot be imported, or is not what it was announced as."""


class AssetError(ConfigError):
    """A file of weights or data is missing, corrupt or not what its name says."""


class RunError(FpdError):
    """A run could not finish."""


class Diverged(RunError):
    """The loss, a gradient or the weights became NaN or infinite at `step`."""

    def __init__(self, message: str, step: int | None = None):
        super().__init__(message)
        self.step = step


class OddFile(RunError):
    """A file of a run directory that is not what we write there: a directory, garbage, other types."""


class RankDied(RunError):
    """One of the processes that train a run together is gone; the checkpoints are those of rank 0."""


class Interrupted(RunError):
    """The run was asked to stop and has saved where it stands."""


class Paused(Interrupted):
    """The run has come as far as it was to come for now, and has answered its suite there."""


class StoreError(FpdError):
    """The index cannot be read or written."""
