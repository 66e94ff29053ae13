"""Checkpoints of nothing: a benchmark is not resumed."""


class Forgetful:
    """Keeps nothing."""

    def load(self, key: str) -> None:
        """There is none."""

    def save(self, key: str, content: bytes) -> None:
        """Not kept."""

    def discard(self, key: str) -> None:
        """Nothing to forget."""
