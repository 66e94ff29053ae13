"""The queue of letters as files: `NAME.eml`, then `NAME.json` (its envelope), then `NAME.posted.json`.

The envelope is written after the message, so a letter that is listed is whole.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from learnfinance_dagster.documents import from_json, to_json
from learnfinance_dagster.reporting.post import Envelope, Posted
from resources.files import write_atomic
from resources.models.folders import locked

POSTED = ".posted.json"


class FileQueue:
    """An `orchestration.mailing.LetterQueue` in a folder."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`; it is made with the first letter."""
        self.folder = folder

    def put(self, envelope: Envelope, content: bytes) -> None:
        """Store a letter, whole. One that somebody got already stays as it is, whatever this run would say."""
        with self.turn():  # what is being sent just now is known to be taken before it could be replaced
            known = self._envelope(envelope.name)
            if known is not None and self.posted(envelope.name).taken:
                return
            write_atomic(self.folder / f"{envelope.name}.eml", content)
            self._posted(envelope.name).unlink(missing_ok=True)  # what was refused then may be accepted now
            write_atomic(self.folder / f"{envelope.name}.json", to_json(envelope).encode())

    def letters(self) -> tuple[Envelope, ...]:
        """Every letter that was ever queued, oldest first."""
        names = [path.stem for path in self.folder.glob("*.json") if not path.name.endswith(POSTED)]
        found = [envelope for name in names if (envelope := self._envelope(name)) is not None]
        return tuple(sorted(found, key=lambda each: (each.queued_at, each.name)))

    def content(self, name: str) -> bytes:
        """The message itself."""
        return (self.folder / f"{name}.eml").read_bytes()

    def posted(self, name: str) -> Posted:
        """What became of it."""
        path = self._posted(name)
        return from_json(Posted, path.read_text(encoding="utf-8")) if path.exists() else Posted()

    def mark(self, name: str, posted: Posted) -> None:
        """Remember what became of it."""
        write_atomic(self._posted(name), to_json(posted).encode())

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The right to send, or to replace what is sent: one process at a time, let go when it dies."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder):
            yield

    def _posted(self, name: str) -> Path:
        return self.folder / f"{name}{POSTED}"

    def _envelope(self, name: str) -> Envelope | None:
        path = self.folder / f"{name}.json"
        return from_json(Envelope, path.read_text(encoding="utf-8")) if path.exists() else None
