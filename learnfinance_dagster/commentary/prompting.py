"""What a language model is asked: rules, allowed words, and the facts as JSON. Foreign words reach it as data only."""

import json
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from learnfinance_dagster.commentary.check import LONGEST, MOST_USES, SHORTEST
from learnfinance_dagster.commentary.facts import Claim, Fact, Kind
from learnfinance_dagster.commentary.lexicon import BREAKS, CLAIMS, FAMILIES, vocabulary
from learnfinance_dagster.commentary.paragraphs import Letter, Outline
from learnfinance_dagster.ports import Prompt

if TYPE_CHECKING:
    from jinja2 import Environment


def prompt_for(letter: Letter, max_tokens: int) -> Prompt:
    """The question for all paragraphs of a letter; the same letter always gives the same."""
    keys = [outline.key for outline in letter.outlines]
    facts = "\n".join(json.dumps(_paragraph(outline), ensure_ascii=True) for outline in letter.outlines)
    return Prompt(
        system=rules(),
        user=_rendered("letter.md.j2", kind=letter.kind, facts=facts, keys=keys),
        schema=schema_of(keys),
        max_tokens=max_tokens,
    )


def rules() -> str:
    """What every prose of a language model is held to."""
    claims = {claim.value: sorted(FAMILIES[claim]) for claim in Claim}
    words = sorted(vocabulary() - set(CLAIMS))
    limits = {"shortest": SHORTEST, "longest": LONGEST, "uses": MOST_USES, "breaks": sorted(BREAKS)}
    return _rendered("system.md.j2", words=words, claims=claims, **limits)


def schema_of(keys: list[str]) -> dict[str, Any]:
    """JSON schema of an object with exactly these texts."""
    texts = {key: {"type": "string"} for key in keys}
    return {"type": "object", "properties": texts, "required": keys, "additionalProperties": False}


def hash_of(prompt: Prompt, writer: str) -> str:
    """Names a question to somebody."""
    told = json.dumps([writer, prompt.system, prompt.user, prompt.schema, prompt.max_tokens])
    return sha256(told.encode()).hexdigest()[:16]


def _paragraph(outline: Outline) -> dict[str, Any]:
    subject = {"own_subject": outline.subject} if outline.subject else {}
    return {"key": outline.key, "about": outline.about, **subject, "facts": [_fact(fact) for fact in outline.facts]}


def _fact(fact: Fact) -> dict[str, Any]:
    told: dict[str, Any] = {"slot": fact.slot, "kind": fact.kind.value}
    told["untrusted_text" if fact.kind is Kind.QUOTE else "value"] = fact.text
    if fact.claims:
        told["true_of_it"] = sorted(fact.claims)
    if fact.beside:
        told["needs_word"] = list(fact.beside)
    return told


def _rendered(template: str, **words: object) -> str:
    return _environment().get_template(template).render(**words)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(  # noqa: S701  plain text for a language model, no page
        loader=PackageLoader("learnfinance_dagster.commentary", "prompts"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
