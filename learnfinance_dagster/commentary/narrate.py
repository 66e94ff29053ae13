"""From a letter's outlines to its words: the template's, or a language model's where they pass the check."""

import json
from dataclasses import replace

from learnfinance_dagster.commentary.check import objection
from learnfinance_dagster.commentary.filling import filled
from learnfinance_dagster.commentary.paragraphs import Letter, Outline
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.values import Narration, Paragraph

TEMPLATE = "template"
"""Name of the embedded writer."""
LEFT_OUT = "the model left it out"
CHANGED = "what the model wrote no longer fits the facts: "


def by_template(letter: Letter, *, writer: str = TEMPLATE, failure: str = "") -> Narration:
    """All paragraphs by the template.

    Args:
        letter: what may be said.
        writer: who should have written.
        failure: why it did not; empty where nobody else should have.
    """
    return Narration(tuple(_template(outline) for outline in letter.outlines), writer, failure)


def by_model(letter: Letter, drafts: dict[str, str], writer: str) -> Narration:
    """The model's paragraphs where they pass the check, the template's where they do not."""
    return Narration(tuple(_checked(outline, drafts, letter) for outline in letter.outlines), writer)


def told_again(letter: Letter, earlier: Narration) -> Narration:
    """What was written before, beside today's facts: a draft that they no longer bear gives way to the template's."""
    before = {paragraph.key: paragraph for paragraph in earlier.paragraphs}
    found = []
    for outline in letter.outlines:
        known = before.get(outline.key)
        if known is None or not known.by_model:
            found.append(_template(outline, known.reason if known else ""))
        elif why := objection(known.draft, outline, letter.names):
            found.append(_template(outline, CHANGED + why))
        else:
            found.append(replace(known, heading=outline.heading, text=filled(known.draft, outline)))
    return replace(earlier, paragraphs=tuple(found))


def drafts_in(text: str, letter: Letter) -> dict[str, str]:
    """Key → prose, out of what a model answered.

    Raises:
        DataError: it is no JSON object, says a key twice, or has keys that nobody asked for. Where an answer does not
            keep to its form, none of it is believed.
    """
    try:
        answer = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        msg = f"the answer is not the JSON that was asked for ({type(error).__name__})"
        raise DataError(msg) from None
    if not isinstance(answer, dict):
        msg = "the answer is JSON, but no object"
        raise DataError(msg)
    if set(answer) - {outline.key for outline in letter.outlines}:
        msg = "the answer holds paragraphs that nobody asked for"
        raise DataError(msg)
    return {key: value for key, value in answer.items() if isinstance(value, str)}


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        msg = "a key twice"
        raise ValueError(msg)
    return found


def _checked(outline: Outline, drafts: dict[str, str], letter: Letter) -> Paragraph:
    draft = drafts.get(outline.key)
    if draft is None:
        return _template(outline, LEFT_OUT)
    draft = draft.strip().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    if why := objection(draft, outline, letter.names):
        return _template(outline, why)
    return Paragraph(outline.key, outline.heading, draft, filled(draft, outline), by_model=True)


def _template(outline: Outline, reason: str = "") -> Paragraph:
    text = filled(outline.draft, outline)
    return Paragraph(outline.key, outline.heading, outline.draft, text, by_model=False, reason=reason)
