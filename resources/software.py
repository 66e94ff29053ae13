"""Which code makes an artifact: the commit of this checkout, and the libraries that decide what a training gives."""

import subprocess
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

DECIDING = ("numpy", "pandas", "torch", "transformers")
HERE = Path(__file__).resolve().parent


@cache
def software_versions() -> Mapping[str, str]:
    """Name → version; `commit` ends in `+changes` when the checkout differs from it, and is `unknown` without git."""
    return {"commit": _commit(), **{name: version(name) for name in DECIDING}}


def _commit() -> str:
    head = _git("rev-parse", "--short=12", "HEAD")
    return f"{head}+changes" if head and _git("status", "--porcelain", "--untracked-files=no") else head or "unknown"


def _git(*arguments: str) -> str:
    """What git says; empty where there is no git or no checkout."""
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            ["git", *arguments],  # noqa: S607 - whichever git the user has
            cwd=HERE,
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
