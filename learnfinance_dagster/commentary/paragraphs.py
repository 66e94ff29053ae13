"""What a paragraph may speak of: its heading, its facts, and whose they are."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

from learnfinance_dagster.commentary.facts import Fact


@dataclass(frozen=True)
class Outline:
    """A paragraph before it is written."""

    key: str
    heading: str
    about: str
    """One line for the writer: what the paragraph is about."""
    subject: str
    """Whose figures may be told without a name beside them; empty: nobody's."""
    facts: tuple[Fact, ...]
    draft: str
    """The template's prose, with slots."""

    @cached_property
    def by_name(self) -> Mapping[str, Fact]:
        """Name → fact."""
        return {fact.name: fact for fact in self.facts}


@dataclass(frozen=True)
class Letter:
    """All paragraphs of a letter, and the names that prose may hold in slots only."""

    kind: str
    """Names the letter, e.g. `weekly`: its prompt and its evidence."""
    outlines: tuple[Outline, ...]
    names: Collection[str]
    """Tickers of the universe, accounts, models."""
