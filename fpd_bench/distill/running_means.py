"""Running means of a few small tensors by name: what must outlive one step and belongs in a checkpoint."""

from torch import Tensor

DECAY = 0.99


class RunningMeans:
    """{name: mean}; the first value starts the mean."""

    def __init__(self) -> None:
        self.means: dict[str, Tensor] = {}

    def update(self, name: str, value: Tensor) -> Tensor:
        """Add `value` to the mean with weight 1 - DECAY; return the new mean."""
        before = self.means.get(name, value).to(value.device)  # a checkpoint may come from elsewhere
        self.means[name] = before.lerp(value, 1 - DECAY)
        return self.means[name]

    def state_dict(self) -> dict[str, Tensor]:
        return dict(self.means)

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.means = dict(state)
