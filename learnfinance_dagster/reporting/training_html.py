"""The training summary as a letter: HTML, and the mail around it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from learnfinance_dagster.evaluation.pictures import DARK
from learnfinance_dagster.reporting import gate_rows, in_words, training_words, wording
from learnfinance_dagster.reporting.eml import Letter, mailed
from learnfinance_dagster.reporting.page import fitted, picture_sources, rendered
from learnfinance_dagster.reporting.training import TrainingSummary
from learnfinance_dagster.reporting.training_plots import training_picture
from learnfinance_dagster.reporting.training_text import render_training_text

BEFORE = timedelta(days=1)
"""Training is done on the Sunday, a day before the decision."""


@dataclass(frozen=True, slots=True)
class Detail:
    """How much is shown."""

    told: int
    """Policies and forecasters that are told in full."""
    lines: int
    """Lines of provenance."""


DETAILS = (Detail(1000, 1000), Detail(24, 40), Detail(12, 20), Detail(6, 12))
"""From everything down; the first that is not clipped is used. The plain twin always tells everything."""


def render_training_html(summary: TrainingSummary) -> str:
    """The whole summary in one file: its picture is a data URI, for light and for dark surroundings."""
    light, dark = training_picture(summary), training_picture(summary, DARK)
    return render_training_markup(summary, picture_sources("gate", light, dark))


def render_training_markup(summary: TrainingSummary, sources: Mapping[str, str]) -> str:
    """The summary with the given picture addresses (`gate`, and `gate_dark` where the reader is a browser)."""

    def render(detail: Detail) -> str:
        words = {
            "summary": summary,
            "market": summary.market,
            "sources": sources,
            "detail": detail,
            "wording": wording,
            "words": training_words,
            "gate": gate_rows,
            "in_words": in_words,
        }
        return rendered("training.html.j2", words)

    return fitted(render, DETAILS, sources)


def render_training_eml(
    summary: TrainingSummary, sender: str, recipients: Sequence[str], copies: Sequence[str] = ()
) -> bytes:
    """The summary as a complete message, dated a day before the decision.

    Raises:
        ConfigurationError: no recipient, or an address that would break the header.
    """
    letter = Letter(
        subject=training_words.subject(summary),
        sent=summary.week.as_of - BEFORE,
        run=f"training:{summary.week.key}",
        market=summary.market.name,
        text=render_training_text(summary),
        markup=lambda sources: render_training_markup(summary, sources),
        name="gate",
        picture=training_picture(summary),
    )
    return mailed(letter, sender, recipients, copies)
