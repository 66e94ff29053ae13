"""What a signal is to those who read it: a name for a group of features, and where they are stored."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signal:
    """A registry record. Forecasters choose channels by these groups."""

    name: str
    summary: str
    asset: str
    """The stored table whose columns `features` are."""
    features: tuple[str, ...]
