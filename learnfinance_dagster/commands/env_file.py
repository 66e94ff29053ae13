"""The file `.env` in the repository's root: read by the commands, where the environment does not say otherwise.

`dagster dev` reads the same file by itself and lets it win over the environment. So that nobody trades because of a
forgotten line, `make ui` refuses to start while the two say different things.
"""

import os
from pathlib import Path

from dotenv import dotenv_values, load_dotenv

from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.settings import REPOSITORY

ENV_FILE = REPOSITORY / ".env"


def load_env_file(path: Path = ENV_FILE) -> None:
    """Add what the file says to the environment; what is there already stays."""
    if path.exists():
        load_dotenv(path, override=False)


def quarrels(path: Path = ENV_FILE) -> list[str]:
    """Names that the environment and the file give different values."""
    said = dotenv_values(path) if path.exists() else {}
    return sorted(name for name, value in said.items() if os.environ.get(name) not in (None, value))


def refuse_quarrels(path: Path = ENV_FILE) -> None:
    """Nothing where both say the same.

    Raises:
        ConfigurationError: the web UI would go by another word than the one in the environment.
    """
    if names := quarrels(path):
        msg = (
            f"{', '.join(names)}: the environment says one thing and {path.name} another, and the web UI would take"
            " the file's; unset it, or change the file"
        )
        raise ConfigurationError(msg)
