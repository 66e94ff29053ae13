"""Finished paragraphs in a letter: who wrote them, and which were not taken."""

from learnfinance_dagster.reporting.columns import paragraphs
from learnfinance_dagster.values import Narration, Paragraph

TITLE = "In words"
TEMPLATE = "Written by the template, from the figures of this letter."


def byline(words: Narration) -> str:
    """Who wrote the summary."""
    if words.failure:
        return f"Summary written by the template: {words.failure.rstrip('.')}."
    if not any(paragraph.by_model for paragraph in words.paragraphs):
        return TEMPLATE
    return f"Written by {words.writer}; the figures, names and quotations in it were filled in by the house."


def mark(paragraph: Paragraph) -> str:
    """What stands below a paragraph that the model wrote and that was not taken; empty otherwise."""
    return f"Written by the template; the model's was not taken: {paragraph.reason}." if paragraph.reason else ""


def words_text(words: Narration | None, notes: int | None = None) -> str:
    """The paragraphs in plain text, and where the notes are; empty where there are no words."""
    if words is None or not (words.paragraphs or words.failure):
        return ""
    told = [paragraphs(f"{each.heading}: {each.text}", mark(each)) for each in words.paragraphs]
    end = paragraphs(byline(words), "" if notes is None else notes_line(notes))
    return f"{TITLE.upper()}\n" + "\n\n".join([*told, end])


def notes_line(number: int) -> str:
    """Where the analyst notes are."""
    return f"{number} analyst note{'' if number == 1 else 's'}: see the asset analyst_notes in the web UI."
