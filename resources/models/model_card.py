"""The page that the Hub shows for a repository of models."""

from learnfinance_dagster.ports import ModelFiles
from resources.models.rules import CHECKSUMS, checksums

CARD = """\
---
tags:
- learnfinance
- {model}
---

# {model}

In use: `{version}`. The branch `main` holds its files; every other version and yearly snapshot has a branch of its own.
What it was trained on, when, and how well it does is in `metadata.json`.

| file | bytes | sha256 |
|---|---|---|
{rows}

Weights are safetensors, the rest is JSON; nothing here runs code when it is loaded. `{checksums}` lists the checksums.
Written by a program; changes are overwritten by the next promotion.
"""


def model_card(model: str, version: str, files: ModelFiles) -> bytes:
    """README of the branch `main`; equal files give equal bytes."""
    rows = [f"| `{name}` | {len(files[name])} | `{told}` |" for name, told in checksums(files).items()]
    return CARD.format(model=model, version=version, rows="\n".join(rows), checksums=CHECKSUMS).encode()
