"""Prose as sentences and clauses of words and slots; what is neither is refused."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from learnfinance_dagster.commentary.lexicon import BREAKS

SLOT = re.compile(r"\{[a-z0-9_]+(?:\.[a-z0-9_]+)+\}")
_SLOT = rf"(?P<slot>{SLOT.pattern})(?P<slots_own>'s)?"
_WORD = r"(?P<word>[A-Za-z]+(?:-[A-Za-z]+)*)(?P<own>'s?)?"
_TOKEN = re.compile(rf"{_SLOT}|{_WORD}|(?P<mark>[.,;:])(?= |$)| ")
_SEPARATED = re.compile(r"[A-Za-z'}][{]|\}[A-Za-z{0-9]|  |^ | $")


class UnreadableError(ValueError):
    """Something that is neither a word nor a slot nor plain punctuation; the message says what."""


@dataclass(frozen=True, slots=True)
class Clause:
    """What stands between two breaks."""

    text: str
    """As it is written, its punctuation included: the clauses of a paragraph make up the paragraph."""
    words: tuple[str, ...]
    """As they are written, without the slots."""
    parts: tuple[str, ...]
    """Words and slots, in order, words in lower case."""

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the facts in it, in order."""
        return tuple(part[1:-1] for part in self.parts if part.startswith("{"))


Sentence = tuple[Clause, ...]


def sentences(text: str) -> tuple[Sentence, ...]:
    """The paragraph's sentences, each as its clauses.

    Raises:
        UnreadableError: it holds something else.
    """
    found: list[list[Clause]] = [[]]
    current: list[re.Match[str]] = []

    def close() -> None:
        if current:
            found[-1].append(_clause(current))
            current.clear()

    for token in _tokens(text):
        if token["word"] and token["word"].lower() in BREAKS:
            close()
        current.append(token)
        if token["mark"]:
            close()
            if token["mark"] == ".":
                found.append([])
    close()
    return tuple(tuple(sentence) for sentence in found if sentence)


def _tokens(text: str) -> Iterator[re.Match[str]]:
    if odd := _SEPARATED.search(text):
        msg = f"{'spaces where none belong' if ' ' in odd[0] else 'a slot that is part of a word'}"
        raise UnreadableError(msg)
    place = 0
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None:
            raise UnreadableError(_strange(text, place))
        yield token
        place = token.end()


def _strange(text: str, place: int) -> str:
    """What it is that stands there."""
    char = text[place]
    kind = unicodedata.category(char)
    if char.isnumeric() or kind.startswith("N") or unicodedata.normalize("NFKC", char).isnumeric():
        return "a numeral"
    if char in "<>&[]*`#_|\\/@{}~^=":
        return "markup, a link or a broken slot"
    if kind.startswith("L"):
        return "letters of another script"
    if char.isspace() or kind.startswith("C"):
        return "characters that nobody sees"
    if char in "%‰$€£¥":
        return "a unit that belongs to a figure"
    return "a sign that is not allowed"


def _clause(tokens: list[re.Match[str]]) -> Clause:
    words = [(token["word"], token["slot"]) for token in tokens]
    return Clause(
        text="".join(token[0] for token in tokens),
        words=tuple(word for word, _ in words if word),
        parts=tuple(slot or word.lower() for word, slot in words if word or slot),
    )
