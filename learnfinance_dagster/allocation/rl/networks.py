"""Networks of policies: one small network reads every name alike, so they work on any names, however many.

Per name: its channels, its weight, and the mean of both over the names, which tells what is usual this week. A name's
slot never enters, so nothing can be learned about slots, and no name can inherit another's past.
"""

import torch
from torch import Tensor, nn

from learnfinance_dagster.allocation.rl.observation import CHANNELS

PER_NAME = len(CHANNELS) + 1
"""Channels and the current weight."""
GLOBAL = 2
"""Cash, and the share held in names without a slot."""
PRESENT = CHANNELS.index("present")


class Names:
    """A batch of observations, taken apart."""

    def __init__(self, observation: Tensor) -> None:
        """From (B, size)."""
        slots = (observation.shape[1] - GLOBAL) // PER_NAME
        channels = observation[:, : slots * len(CHANNELS)].view(-1, slots, len(CHANNELS))
        self.weights = observation[:, slots * len(CHANNELS) : -GLOBAL]
        self.all = observation[:, -GLOBAL:]
        self.each = torch.cat([channels, self.weights.unsqueeze(-1)], dim=-1)
        self.present = channels[..., PRESENT]
        self.count = self.present.sum(dim=1, keepdim=True).clamp(min=1)

    def mean(self, values: Tensor) -> Tensor:
        """(B, D) mean over the names that are there, of (B, K, D)."""
        return (values * self.present.unsqueeze(-1)).sum(dim=1) / self.count


class Encoder(nn.Module):
    """(B, K, width) of each name among the others, and (B, width) of all of them."""

    def __init__(self, width: int, activation: type[nn.Module]) -> None:
        """Two layers of `width` units."""
        super().__init__()
        first, second = nn.Linear(2 * PER_NAME + GLOBAL, width), nn.Linear(width, width)
        self.name = nn.Sequential(first, activation(), second, activation())

    def forward(self, names: Names) -> tuple[Tensor, Tensor]:
        """Read all names of a batch."""
        context = torch.cat([names.mean(names.each), names.all], dim=-1)
        context = context.unsqueeze(1).expand(-1, names.each.shape[1], -1)
        found = self.name(torch.cat([names.each, context], dim=-1))
        return found, names.mean(found)


class Logits(nn.Module):
    """(B, K + 1) numbers, one per name and one for cash; 0 in empty slots."""

    def __init__(self, width: int, gain: float = 0.01) -> None:
        """Begin near zero, which is near equal weight."""
        super().__init__()
        self.name, self.cash = nn.Linear(width, 1), nn.Linear(width, 1)
        for layer in (self.name, self.cash):
            nn.init.orthogonal_(layer.weight, gain)
            nn.init.zeros_(layer.bias)

    def forward(self, names: Names, each: Tensor, everything: Tensor) -> Tensor:
        """From what an `Encoder` found."""
        return torch.cat([self.name(each).squeeze(-1) * names.present, self.cash(everything)], dim=1)


class Actor(nn.Module):
    """Observations (B, size) to (B, K + 1) mean logits: the part of a policy that serves."""

    def __init__(self, width: int, activation: type[nn.Module]) -> None:
        """Two layers of `width` units."""
        super().__init__()
        self.encoder, self.logits = Encoder(width, activation), Logits(width)

    def forward(self, observation: Tensor) -> Tensor:
        """Mean logits."""
        names = Names(observation)
        return self.logits(names, *self.encoder(names))
