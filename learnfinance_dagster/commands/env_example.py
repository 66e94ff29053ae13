"""`.env.example`: every setting with its default and what it means, every credential with where to get one.

Written from the settings tree and from `CREDENTIALS`, so it cannot forget one; a test holds the file to it.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from learnfinance_dagster.settings import PLAIN_NAMES, REPOSITORY, Settings
from resources.credentials import CREDENTIALS

EXAMPLE = REPOSITORY / ".env.example"
PREFIX = "LEARNFINANCE_"
WIDTH = 116
HEAD = """Copy this file to .env and take the # away from what you want to change. Written by
`python -m learnfinance_dagster env-example`.
The commands read .env and let the environment win; `dagster dev` reads it too and lets the file win, so `make ui`
refuses to start while the two differ. Lists are JSON. `make doctor` says what is missing."""


def write_example() -> int:
    """Rewrite the file."""
    EXAMPLE.write_text(example(), encoding="utf-8")
    sys.stdout.write(f"wrote {EXAMPLE.name}\n")
    return 0


def example() -> str:
    """The whole file."""
    lines = [*(f"# {line}" for line in HEAD.splitlines()), ""]
    lines += _credentials()
    lines += _plain_names()
    lines += _others()
    groups = {name: field for name, field in Settings.model_fields.items() if _is_group(field)}
    lines += ["# ---- settings ----", ""]
    for name, field in Settings.model_fields.items():
        if name not in groups:
            lines += _setting(f"{PREFIX}{name.upper()}", field)
    for name, field in groups.items():
        lines += ["", f"# ---- {name}: {_first_line(field)} ----", ""]
        for inner, its_field in type(field.default).model_fields.items():
            lines += _setting(f"{PREFIX}{name.upper()}__{inner.upper()}", its_field)
    return "\n".join(lines).rstrip() + "\n"


def _credentials() -> Iterator[str]:
    yield from ("# ---- credentials: secrets, which nothing stores or shows ----", "")
    for credential in CREDENTIALS:
        yield from _comment(f"{credential.port}: {credential.how}")
        yield f"# {credential.name}="
    yield ""


def _plain_names() -> Iterator[str]:
    yield from ("# ---- other names for some settings ----", "")
    for name, (group, field, _meaning) in PLAIN_NAMES.items():
        ours = f"{PREFIX}{group.upper()}__{field.upper()}" if group else f"{PREFIX}{field.upper()}"
        yield from _comment(f"the same as {ours}, {PLAIN_WORDS.get(name, 'separated by commas')}")
        yield f"# {name}="
    yield ""


OTHERS = {
    "DAGSTER_POSTGRES_URL": "for make up: postgresql+psycopg2://user@host/database, where runs and events are kept",
}
PLAIN_WORDS = {"STORAGE_BACKEND": "where hf means hub"}


def _others() -> Iterator[str]:
    yield from ("# ---- Dagster's own ----", "")
    for name, told in OTHERS.items():
        yield from _comment(told)
        yield f"# {name}="
    yield ""


def _setting(name: str, field: FieldInfo) -> Iterator[str]:
    choices = _choices(field.annotation)
    words = [field.description or "", f"one of {', '.join(choices)}" if choices else ""]
    yield from _comment("; ".join(word for word in words if word))
    yield f"# {name}={_shown(field)}"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in wrap(text, WIDTH)]


def _shown(field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=True)
    if value is None:
        return ""
    if isinstance(value, Path):
        return str(value.relative_to(REPOSITORY)) if value.is_relative_to(REPOSITORY) else str(value)
    if isinstance(value, (tuple, list, dict)):
        return json.dumps(value)
    return str(value)


def _choices(annotation: Any) -> tuple[str, ...]:
    return tuple(map(str, get_args(annotation))) if get_origin(annotation) is Literal else ()


def _is_group(field: FieldInfo) -> bool:
    return isinstance(field.default, BaseModel)


def _first_line(field: FieldInfo) -> str:
    return (type(field.default).__doc__ or "").splitlines()[0].rstrip(".")
