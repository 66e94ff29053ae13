"""Files that are either there, whole, or not there: written aside, flushed, renamed."""

import os
import tempfile
from pathlib import Path


def write_atomic(path: Path, content: bytes) -> None:
    """Replace `path` with `content`; a crash at any point leaves the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    aside = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        aside.chmod(0o644)
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def sweep(folder: Path, before: float) -> int:
    """Remove what killed writers left aside in `folder`; returns how many.

    Args:
        folder: searched with all below it; may be missing.
        before: POSIX time; younger files may belong to a writer that lives, and stay.
    """
    aside = list(folder.rglob(".*.tmp")) if folder.exists() else []
    stale = [path for path in aside if _written(path) < before]
    for path in stale:
        path.unlink(missing_ok=True)
    return len(stale)


def _written(path: Path) -> float:
    """POSIX time; never, where its writer has just finished."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
