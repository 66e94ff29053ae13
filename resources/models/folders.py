"""Folders that are either there, whole, or not there: written aside, flushed, renamed.

Beside a folder `NAME` there may be, for a moment or after a crash:

- `.NAME.RANDOM.new`: being written, or being removed. Never trusted.
- `.NAME.RANDOM.old`: moved out of the way by a replacement that is not in place yet. Always whole.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(parent: Path) -> Iterator[None]:
    """The right to rename in `parent`, which must exist; let go when the process ends, however it ends."""
    handle = os.open(parent, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def stage(target: Path, files: Mapping[str, bytes]) -> Path:
    """Write the files into a new folder beside `target`, and flush them; a failure leaves nothing."""
    aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=".new"))
    try:
        for name, content in files.items():
            with (aside / name).open("xb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
        aside.chmod(0o755)
        flush_folder(aside)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return aside


def put(staged: Path, target: Path) -> None:
    """Rename a staged folder to `target`, instead of what may be there. Only while `locked`.

    A crash between the two renames is put right by `put_right`.
    """
    if target.exists():
        target.rename(staged.with_suffix(".old"))
    staged.rename(target)
    flush_folder(target.parent)
    put_right(target.parent)


def put_right(parent: Path) -> None:
    """Finish what killed writers began: a folder that was moved away comes back, a replaced one goes. Only `locked`."""
    for old in sorted(parent.glob(".*.*.old")):
        target = parent / old.name[1:].rsplit(".", 2)[0]
        if target.exists():
            # no longer whole while it is being removed, so no longer `.old`
            shutil.rmtree(old.rename(old.with_suffix(".new")), ignore_errors=True)
        else:
            old.rename(target)
            flush_folder(parent)


def sweep_aside(parent: Path, before: float) -> None:
    """Remove what killed writers left aside in `parent`, files and folders, before that POSIX time.

    Others may sweep, or finish their writing, at the same time.
    """
    for aside in (*parent.glob(".*.new"), *parent.glob(".*.tmp")):
        try:
            stale = aside.stat().st_mtime < before
        except FileNotFoundError:
            continue
        if stale and aside.is_dir():
            shutil.rmtree(aside, ignore_errors=True)
        elif stale:
            aside.unlink(missing_ok=True)


def flush_folder(folder: Path) -> None:
    """Make its list of names survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_from(folder: int, name: str) -> bytes | None:
    """One file of an open folder, even when the folder is renamed meanwhile; None when it is not there."""
    try:
        handle = os.open(name, os.O_RDONLY, dir_fd=folder)
        with os.fdopen(handle, "rb") as stream:
            return stream.read()
    except (FileNotFoundError, IsADirectoryError):
        return None
