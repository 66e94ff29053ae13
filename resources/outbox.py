"""The outbox: finished e-mails as files, waiting for a mailer or a reader."""

from pathlib import Path

from resources.files import write_atomic


class Outbox:
    """A folder with one `.eml` and one `.html` per report; writing the same report again replaces it."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`."""
        self._folder = folder

    def paths(self, name: str) -> tuple[Path, Path]:
        """Where a report's .eml and .html are, or would be."""
        return self._folder / f"{name}.eml", self._folder / f"{name}.html"

    def put(self, name: str, eml: bytes, html: str) -> tuple[Path, Path]:
        """Store both forms; returns their paths (.eml, .html)."""
        paths = self.paths(name)
        write_atomic(paths[0], eml)
        write_atomic(paths[1], html.encode())
        return paths
