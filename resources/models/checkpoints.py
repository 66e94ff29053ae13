"""Unfinished trainings on this disk: `<root>/<key>.safetensors`, one file for each."""

import time
from collections.abc import Callable
from pathlib import Path

from resources.files import write_atomic
from resources.models.folders import sweep_aside
from resources.models.local import HOUR
from resources.models.rules import checked_name, digest

SEAL = 64
"""Bytes before the content: its sha256 in hex. In one file with it, so that no crash can part them."""


class FileCheckpoints:
    """A `ports.Checkpoints` in a folder. A damaged checkpoint is none: the training begins anew."""

    def __init__(
        self, root: Path, say: Callable[[str], None] = lambda _: None, clock: Callable[[], float] = time.time
    ) -> None:
        """`say` is told of checkpoints that were thrown away; `clock` (POSIX time) as for `LocalModelStore`."""
        self.root, self._say, self._clock = root, say, clock

    def load(self, key: str) -> bytes | None:
        """The newest checkpoint of that training, as it was saved; None when there is none that is whole."""
        path = self._path(key)
        try:
            stored = path.read_bytes()
        except FileNotFoundError:
            return None
        content = stored[SEAL:]
        if stored[:SEAL] == digest(content).encode():
            return content
        path.unlink(missing_ok=True)
        self._say(f"{path} is damaged and was removed: this training begins anew")
        return None

    def save(self, key: str, content: bytes) -> None:
        """Replace the checkpoint, atomically."""
        write_atomic(self._path(key), digest(content).encode() + content)

    def discard(self, key: str) -> None:
        """Forget it: the training is done. What killed savers left is swept."""
        self._path(key).unlink(missing_ok=True)
        sweep_aside(self.root, self._clock() - HOUR)

    def _path(self, key: str) -> Path:
        return self.root / f"{checked_name(key, 'training')}.safetensors"
