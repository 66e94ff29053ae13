"""Whether a language model's paragraph is taken: it may hold allowed words and known slots, and claim what is true.

What a clause says of a direction or a rank must be true of a fact in the same clause, and of every figure in it. A
figure belongs to the name that stands before it. Whoever doubts gets the template's paragraph instead.
"""

import re
from collections.abc import Collection, Sequence

from learnfinance_dagster.commentary import lexicon
from learnfinance_dagster.commentary.clauses import Clause, Sentence, UnreadableError, sentences
from learnfinance_dagster.commentary.facts import Claim, Fact, Kind
from learnfinance_dagster.commentary.paragraphs import Outline

SHORTEST, LONGEST = 40, 900
"""Characters of a draft."""
MOST_SENTENCES, MOST_USES = 7, 2
ROMAN = re.compile(r"[IVXLCDM]+")
AXES = (
    frozenset({Claim.UP, Claim.DOWN, Claim.FLAT}),
    frozenset({Claim.AHEAD, Claim.BEHIND}),
    frozenset({Claim.BEST, Claim.WORST}),
    frozenset({Claim.LARGEST}),
)


def objection(draft: str, outline: Outline, names: Collection[str]) -> str:
    """Why the paragraph is not taken; empty when it is.

    Args:
        draft: the prose, with slots.
        outline: says which facts it may speak of.
        names: tickers and other names that may stand in slots only.
    """
    if len(draft) < SHORTEST:
        return "it is too short"
    if len(draft) > LONGEST:
        return "it is too long"
    try:
        told = sentences(draft)
    except UnreadableError as error:
        return f"it holds {error}"
    if not draft.endswith("."):
        return "its last sentence does not end"
    if len(told) > MOST_SENTENCES:
        return "it is too long"
    used = [name for sentence in told for clause in sentence for name in clause.slots]
    if any(name not in outline.by_name for name in used):
        return "it holds an unknown slot"
    if any(used.count(name) > MOST_USES for name in used):
        return "it repeats itself"
    taken = {name.upper() for name in names}
    for sentence in told:
        if why := _words(sentence, taken) or _meaning(sentence, outline):
            return why
    return ""


def _words(sentence: Sentence, names: Collection[str]) -> str:
    """Each word by itself."""
    first = True
    allowed = lexicon.vocabulary()
    for clause in sentence:
        for written in clause.words:
            begins = first and not sentence[0].parts[0].startswith("{")
            first = False
            for word in re.split("-", written):
                if why := _word(word, allowed, names, begins=begins):
                    return why
    return ""


def _word(word: str, allowed: Collection[str], names: Collection[str], *, begins: bool) -> str:
    small = word.lower()
    if small in lexicon.NUMBER_WORDS:
        return "it holds a number in words"
    if small in lexicon.ADVICE:
        return "it advises, or speaks to somebody"
    if word.upper() in names and (small not in lexicon.FUNCTION or word == word.upper()):
        return "it holds a name outside a slot"
    if word == word.upper() and word != "A":
        return "it holds a roman numeral" if ROMAN.fullmatch(word) else "it holds a name outside a slot"
    if small not in allowed:
        return "it holds a word outside the list"
    shape = small if not begins else small.capitalize()
    if word not in {small, shape} and small != "monday":
        return "it holds a name outside a slot"
    return ""


def _meaning(sentence: Sentence, outline: Outline) -> str:
    """Each clause, and what the sentence says of its figures."""
    if not any(clause.slots for clause in sentence):
        return "a sentence of it tells no fact"
    words = {part for clause in sentence for part in clause.parts}
    standing = {outline.subject}
    for clause in sentence:
        facts = [outline.by_name[name] for name in clause.slots]
        if why := (
            _order(clause) or _claims(clause, facts) or _neighbours(clause, outline) or _labels(clause, facts, outline)
        ):
            return why
        if any(fact.beside and words.isdisjoint(fact.beside) for fact in facts):
            return "it tells a figure without saying what it is"
        named = {fact.subject for fact in facts if fact.names_subject}
        if not _owned(facts, standing):
            return "it tells a figure beside another's name"
        standing = {outline.subject, *(named or standing)}
    return ""


def _order(clause: Clause) -> str:
    """A clause that begins like an order."""
    opening = [part for part in clause.parts if part not in lexicon.BREAKS]
    return "it tells somebody to do something" if opening and opening[0] in lexicon.COMMANDS else ""


def _claims(clause: Clause, facts: Sequence[Fact]) -> str:
    """Words of direction, comparison and rank against the facts beside them."""
    said = {lexicon.CLAIMS[part] for part in _plain_words(clause) if part in lexicon.CLAIMS}
    for axis in AXES:
        claimed = said & axis
        if not claimed:
            continue
        if len(claimed) > 1:
            return "it contradicts itself"
        if not any(claimed <= fact.claims for fact in facts):
            return "it claims what no fact beside it says"
        bearing = [fact for fact in facts if fact.kind.is_figure or fact.claims & axis]
        if any(not claimed <= fact.claims for fact in bearing):
            return "it claims what a figure beside it does not say"
        if claimed <= _RANKS and any(fact.names_subject and not claimed <= fact.claims for fact in facts):
            return "it gives somebody a rank that is another's"
    return ""


_RANKS = frozenset({Claim.BEST, Claim.WORST, Claim.LARGEST})


def _plain_words(clause: Clause) -> list[str]:
    return [word for part in clause.parts if not part.startswith("{") for word in part.split("-")]


def _neighbours(clause: Clause, outline: Outline) -> str:
    """Slots that touch, and words that make another figure of the one behind them."""
    for place, part in enumerate(clause.parts[1:], start=1):
        before, earlier = clause.parts[place - 1], clause.parts[place - 2] if place > 1 else ""
        if not part.startswith("{"):
            continue
        kind = outline.by_name[part[1:-1]].kind
        if before.startswith("{"):
            return "two slots of it stand side by side"
        bent = before in lexicon.NOT_BEFORE_FIGURES or (before == "to" and earlier in lexicon.BEFORE_TO)
        if kind.is_figure and bent:
            return "it makes another figure of one"
    return ""


def _labels(clause: Clause, facts: Sequence[Fact], outline: Outline) -> str:
    """Words beside a figure that make it another's, or another figure; and forecasts where none is known."""
    words = set(_plain_words(clause))
    foretold = {word for fact in outline.facts for word in fact.beside} & lexicon.STILL_TO_COME
    if words & lexicon.STILL_TO_COME and not foretold:
        return "it makes a forecast of what happened"
    figures = [fact for fact in facts if fact.kind.is_figure and _is_somebodys(fact)]
    if not figures:
        return ""
    own = {word for fact in figures for word in fact.beside}
    if (words - own) & _strange_beside(own) or _is_a_rate(clause):
        return "it sells a figure as another"
    if (words - own) & lexicon.SOMEBODY_ELSE or _is_the_markets(clause, facts):
        return "it tells a figure of somebody else"
    led = {claim for fact in figures for claim in fact.claims} & {Claim.AHEAD, Claim.BEHIND}
    if led.isdisjoint({lexicon.CLAIMS.get(word) for word in words}) and led:
        return "it tells a figure without saying what it is"
    return ""


def _strange_beside(own: Collection[str]) -> frozenset[str]:
    """Words that name other figures than those that have `own` words beside them."""
    return lexicon.LABELS | lexicon.PERIODS | (lexicon.WEEK if lexicon.SINCE_START in own else frozenset())


def _is_the_markets(clause: Clause, facts: Sequence[Fact]) -> bool:
    """`The market made {hrp.week_return}`."""
    figure = next(fact.slot for fact in facts if fact.kind.is_figure)
    before = set(clause.parts[: clause.parts.index(figure)])
    named = lexicon.OURS | {fact.slot for fact in facts if fact.names_subject}
    return not lexicon.MARKET.isdisjoint(before) and named.isdisjoint(before)


def _is_a_rate(clause: Clause) -> bool:
    """`{hrp.week_return} a week`."""
    trios = zip(clause.parts, clause.parts[1:], clause.parts[2:], strict=False)
    return any(before.startswith("{") and (article, word) == ("a", "week") for before, article, word in trios)


def _owned(facts: Sequence[Fact], standing: Collection[str]) -> bool:
    """Whether every figure belongs to the nearest name before it, or to whom the sentence speaks of."""
    names = [fact.subject for fact in facts if fact.names_subject]
    owner = names[0] if names else None
    for fact in facts:
        if fact.names_subject:
            owner = fact.subject
        elif not _is_somebodys(fact):
            continue
        elif (owner is not None and fact.subject != owner) or (owner is None and fact.subject not in standing):
            return False
    return True


def _is_somebodys(fact: Fact) -> bool:
    """Dates and what belongs to the week are nobody's."""
    return fact.subject != "week" and fact.kind is not Kind.DATE
