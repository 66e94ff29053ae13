"""Figures into slots: the only place where a number enters prose."""

from learnfinance_dagster.commentary.clauses import SLOT, Clause, UnreadableError, sentences
from learnfinance_dagster.commentary.facts import Fact
from learnfinance_dagster.commentary.lexicon import CARRIES_SIGN
from learnfinance_dagster.commentary.paragraphs import Outline


def filled(draft: str, outline: Outline) -> str:
    """The draft with its facts; beside `lost` a return stands without its sign, which the word carries.

    Raises:
        KeyError: a slot names no fact of the outline: a mistake of the template, for prose of a model is checked.
    """
    try:
        told = sentences(draft)
    except UnreadableError:  # the template may say more than a language model may
        return SLOT.sub(lambda slot: outline.by_name[slot[0][1:-1]].text, draft)
    return "".join(_clause(clause, outline) for sentence in told for clause in sentence)


def _clause(clause: Clause, outline: Outline) -> str:
    bare = not CARRIES_SIGN.isdisjoint(clause.parts)
    return SLOT.sub(lambda slot: _text(outline, slot[0], bare=bare), clause.text)


def _text(outline: Outline, slot: str, *, bare: bool) -> str:
    fact: Fact = outline.by_name[slot[1:-1]]
    return fact.bare if bare and fact.bare else fact.text
