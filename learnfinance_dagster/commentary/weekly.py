"""The paragraphs of a weekly report: all accounts, each allocator, each forecaster, news, and filings."""

from learnfinance_dagster.commentary import template, week_facts
from learnfinance_dagster.commentary.facts import Fact
from learnfinance_dagster.commentary.paragraphs import Letter, Outline
from learnfinance_dagster.reporting.content import WeeklyReport

KIND = "weekly"


def weekly_letter(report: WeeklyReport) -> Letter:
    """What may be said of the week, and how the template says it."""
    week = week_facts.week(report)
    outlines = [_overall(report, week)]
    for section in report.accounts:
        facts = (*week, *week_facts.account(report, section))
        outlines.append(
            Outline(
                key=f"account_{section.name}",
                heading=section.name,
                about=f"the week of the account {section.name}: its return, its risk, what it traded and holds",
                subject=section.name,
                facts=facts,
                draft=template.account(_by_name(facts), section.name),
            )
        )
    for place, note in enumerate(report.forecasts.forecasters):
        facts = (*week, *week_facts.forecaster(report, place))
        outlines.append(
            Outline(
                key=f"forecaster_{note.name}",
                heading=f"Forecaster {note.name}",
                about=f"what the forecaster {note.name} expects, and what its record is worth",
                subject=note.name,
                facts=facts,
                draft=template.forecaster(_by_name(facts), note.name),
            )
        )
    return Letter(KIND, (*outlines, _news(report, week), _books(report, week)), names_of(report))


def names_of(report: WeeklyReport) -> frozenset[str]:
    """Every name that prose may hold in slots only."""
    return frozenset(
        (
            *(each.symbol for each in report.evidence.names),
            *(each.symbol for each in report.forecasts.names),
            *(symbol for each in report.accounts for symbol in each.weights.weights),
            *(position.symbol for each in report.accounts for position in each.portfolio.positions),
            *(each.name for each in report.accounts),
            *(each.name for each in report.forecasts.forecasters),
        )
    )


def _overall(report: WeeklyReport, week: tuple[Fact, ...]) -> Outline:
    facts = (*week, *week_facts.overall(report))
    draft = template.overall(_by_name(facts), closed=report.is_closed_week)
    about = "the week as a whole: who did best, who did worst, who leads since the start"
    return Outline("overall", "The week", about, "accounts", facts, draft)


def _news(report: WeeklyReport, week: tuple[Fact, ...]) -> Outline:
    facts = (*week, *week_facts.news(report))
    about = "how the week's news sounded, for whom it was warmest and coldest"
    return Outline("news", "News", about, "news", facts, template.news(_by_name(facts)))


def _books(report: WeeklyReport, week: tuple[Fact, ...]) -> Outline:
    facts = (*week, *week_facts.books(report))
    about = "what the newest filings say, and the house's own halal screen"
    return Outline("fundamentals", "Fundamentals", about, "books", facts, template.books(_by_name(facts)))


def _by_name(facts: tuple[Fact, ...]) -> dict[str, Fact]:
    return {fact.name: fact for fact in facts}
