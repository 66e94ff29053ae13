"""The README names only commands and files that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, flags=re.MULTILINE))
FENCED = re.findall(r"```[a-z]*\n(.*?)```", README, flags=re.DOTALL)
TOLD = re.sub(r"[^\n]*:\n+```python\n.*?```", "", README, flags=re.DOTALL)
"""Without examples and the lines that introduce them: an example shows a file that the reader would write."""
PROSE = re.sub(r"```.*?```", "", TOLD, flags=re.DOTALL)
QUOTED = re.findall(r"`([^`\n]+)`", PROSE)
CODE = [*QUOTED, *(line for block in FENCED for line in block.splitlines())]
NAMED_TARGETS = sorted({target for text in CODE for target in re.findall(r"\bmake ([a-z][a-z-]*)", text)})
LINKS = {link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", PROSE) if "://" not in link}
PATHS = {text for text in QUOTED if re.fullmatch(r"[\w.-]+(/[\w.-]+)*(/|\.(py|md|toml|yaml|yml|txt|json|j2))", text)}
MADE_AT_RUN_TIME = "data/"
NAMED_FILES = sorted(name for name in LINKS | PATHS if name and not name.startswith(MADE_AT_RUN_TIME))


@pytest.mark.parametrize("target", ["demo", "test"])
def test_the_two_commands_to_begin_with_are_in_the_readme(target):
    assert target in NAMED_TARGETS


@pytest.mark.parametrize("target", NAMED_TARGETS)
def test_a_make_target_of_the_readme_exists(target):
    assert target in TARGETS


@pytest.mark.parametrize("name", NAMED_FILES)
def test_a_file_of_the_readme_exists(name):
    nested = "/" not in name and any(ROOT.glob(f"[!.]*/**/{name}"))
    assert nested or (ROOT / name).exists(), f"{name} is named in README.md"


def test_the_allocator_of_the_readme_is_an_allocator():
    """What the reader is told to write works when it is written."""
    import numpy as np
    import pandas as pd

    from learnfinance_dagster.allocation.allocator import AllocationInputs, allocate
    from learnfinance_dagster.calendar import week_from_key
    from learnfinance_dagster.parameters import AllocationParameters

    [code] = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    written: dict = {}
    exec(compile(code, "README.md", "exec"), written)  # noqa: S102 - the reader would run it too
    names = tuple("ABCDEFG")
    moves = np.random.default_rng(7).normal(scale=[0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07], size=(260, len(names)))
    inputs = AllocationInputs(week_from_key("2025-12-22"), names, pd.DataFrame(moves, columns=list(names)), seed=7)
    target = allocate(written["INVERSE_VOLATILITY"], inputs, AllocationParameters())
    assert target.raw_weights["A"] > target.raw_weights["B"] > target.raw_weights["G"] > 0
    assert target.cash >= 0.02
