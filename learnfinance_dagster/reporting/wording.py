"""The sentences of a report, so that the letter, its plain twin and its subject say the same."""

from collections.abc import Iterable

from learnfinance_dagster.calendar import CLOSED
from learnfinance_dagster.ports import MarketInfo
from learnfinance_dagster.reporting.content import AccountSection, WeeklyReport
from learnfinance_dagster.reporting.fates import Fate, Tally
from learnfinance_dagster.reporting.forecast_rows import origins
from learnfinance_dagster.reporting.formats import (
    LONGEST_NAME,
    MODES,
    count,
    day,
    decision_time,
    percent,
    plain,
    quantity,
    short_day,
    shortened,
    signed_percent,
    usd,
    weekday,
)
from learnfinance_dagster.reporting.record import record_lines
from learnfinance_dagster.values import NotSent

FOOTER = "Paper trading only. Not financial advice."
NO_CURVE = (
    "The equity curve starts once an account has two marks; there is one at the open of each week's first session."
)
MANY_WEEKS = 52
SUBJECT_ACCOUNTS = 3
FOLDER = "market directory "
"""How a market's name begins when nobody gave it one; the folder's follows."""
THE_MARKETS_OWN = "market"
"""The source of news or filings that come with the market itself."""
READERS = {"vader": "a word list", "finbert": "a language model"}
"""What kind of model has that word in its name."""


def subject(report: WeeklyReport) -> str:
    """E.g. `Week of 29 Dec 2025: hrp +0.42 %, equal_weight +0.10 % since 22 Dec (paper)`, the better first."""
    place = "Practice market, week" if report.market.is_practice else "Week"
    return plain(f"{place} of {day(report.week.monday)}: {_news(report)} (paper)")


def _news(report: WeeklyReport) -> str:
    if report.is_closed_week:
        return "NYSE closed, nothing ordered"
    ranked = ranked_by_week(report)
    parts = [f"{section.name} {signed_percent(week)}" for section, week in ranked[:SUBJECT_ACCOUNTS]]
    if len(ranked) > SUBJECT_ACCOUNTS:
        parts.append(f"{len(ranked) - SUBJECT_ACCOUNTS} more")
    if ranked:
        parts[-1] += f" since {short_day(ranked[0][0].marks[-2].session)}"
    troubled = sum(1 for section in report.accounts if section.trouble)
    if troubled:
        parts.append(f"{count(troubled, 'account')} skipped")
    return ", ".join(parts) or "no returns yet"


def ranked_by_week(report: WeeklyReport) -> list[tuple[AccountSection, float]]:
    """Accounts with a return for this week, best first; ties keep the report's order."""
    known = [(section, week) for section in report.accounts if (week := report.fresh_return(section)) is not None]
    return sorted(known, key=lambda pair: -pair[1])


def first_line(market: MarketInfo) -> str:
    """Where the numbers come from, before anything else."""
    if market.is_practice:
        return "Practice market: invented prices, nothing here happened"
    return f"Market: {market_name(market)}"


def market_name(market: MarketInfo) -> str:
    """The market's name; of a directory without one, that of the folder."""
    folder = market.name.removeprefix(FOLDER)
    return market.name if folder == market.name else f"your folder “{folder}”"


def title(report: WeeklyReport) -> str:
    """The report's heading."""
    return f"Week of {day(report.week.monday)}"


def timing(report: WeeklyReport) -> tuple[str, ...]:
    """When it was decided, and how long it is held."""
    week = report.week
    decided = f"Decided {decision_time(week.as_of)}."
    if not week.sessions:
        return decided, f"{CLOSED}. The next session is {weekday(week.next_session)}."
    first, last = weekday(week.sessions[0]), weekday(week.next_session)
    return decided, f"The new weights are held from the open of {first} to the open of {last}."


def headline(report: WeeklyReport) -> str:
    """The week in a sentence or two; empty when there is nothing to compare."""
    ranked = ranked_by_week(report)
    if report.is_closed_week or not ranked:
        return ""
    (best, week), (worst, low) = ranked[0], ranked[-1]
    dates = f"From {short_day(best.marks[-2].session)} to {short_day(best.marks[-1].session)}"
    first = f"{best.name} {'gained' if week >= 0 else 'lost'} {percent(abs(week))} after costs"
    if len(ranked) > 1:
        two = len(ranked) == 2  # noqa: PLR2004 - the better of two, the best of more
        deed = f"did {'better' if two else 'best'}" if week >= 0 else f"lost {'less' if two else 'least'}"
        first = (
            f"{best.name} {deed}: {signed_percent(week)} after costs, against {signed_percent(low)} for {worst.name}"
        )
    return f"{dates} {first}.{_long_run(report)}"


def _long_run(report: WeeklyReport) -> str:
    """Who leads since the start, and how little a short record proves."""
    totals = [
        (total, section)
        for section in report.accounts
        if (total := section.total_return(report.initial_cash)) is not None
    ]
    weeks = max((len(section.marks) for section in report.accounts), default=0) - 1
    if len(totals) < 2 or weeks < 1:  # noqa: PLR2004 - a comparison needs two
        return ""
    total, leader = max(totals, key=lambda pair: pair[0])
    sentence = f" Since the start {leader.name} leads with {signed_percent(total)}."
    if weeks < MANY_WEEKS:
        sentence += f" {count(weeks, 'week')} {'is' if weeks == 1 else 'are'} too few to tell skill from luck."
    return sentence


def common_span(report: WeeklyReport) -> str:
    """The opens between which every account earned its week's return; empty where they differ or one has none."""
    spans = {span(section) if section.week_return is not None else "" for section in report.accounts}
    return spans.pop() if len(spans) == 1 else ""


def span(section: AccountSection) -> str:
    """The opens between which the newest return was earned; where no week lies between them, also that return."""
    if len(section.marks) < 2:  # noqa: PLR2004 - a span needs two ends
        return ""
    if section.week_return is None:
        return f"{signed_percent(section.since_last_mark)} since the mark of {day(section.marks[-2].session)}"
    return f"{short_day(section.marks[-2].session)} → {short_day(section.marks[-1].session)}"


def worth(section: AccountSection) -> str:
    """At which moment NAV and cash are taken."""
    if section.fills.mark:
        return f"at the open of {short_day(section.fills.mark.session)}"
    return "at the decision's prices"


def orders_line(numbers: Tally) -> str:
    """E.g. `14 orders sent: 12 filled, 2 expired`."""
    ends = {
        "filled": numbers.filled,
        "expired": numbers.expired,
        "rejected": numbers.rejected,
        "waiting": numbers.waiting,
    }
    parts = [f"{number} {word}" for word, number in ends.items() if number]
    sent = f"{count(numbers.sent, 'order')} sent" + (f": {', '.join(parts)}" if parts else "") if numbers.sent else ""
    planned = f"{count(numbers.planned, 'order')} planned, not sent" if numbers.planned else ""
    return "; ".join(filter(None, (sent, planned))) or "no orders"


def mode_line(section: AccountSection) -> str:
    """Why this is no live run, and what else the account says of itself; empty when there is nothing to say."""
    said = ". ".join(dict.fromkeys(filter(None, (section.plan.mode_reason, section.portfolio.note))))
    return f"{MODES[section.plan.mode].capitalize()}: {said}" if said else ""


def shares(fate: Fate) -> str:
    """E.g. `12`, or `8 of 12` where an order was filled in part."""
    whole = quantity(fate.order.qty)
    return f"{quantity(fate.filled)} of {whole}" if 0 < fate.filled < fate.order.qty else whole


def candidate(change: NotSent) -> str:
    """E.g. `AAPL (buy $320)`."""
    return f"{shortened(plain(change.symbol), LONGEST_NAME)} ({change.side} {usd(change.notional)})"


def candidates(changes: Iterable[NotSent]) -> list[str]:
    """Each of them."""
    return [candidate(change) for change in changes]


def curve_text(report: WeeklyReport) -> str:
    """What the picture of the equity curve shows, for those who do not see it."""
    ends = (
        f"{section.name} at {usd(section.marks[-1].nav)} on {short_day(section.marks[-1].session)}"
        for section in report.accounts
        if section.marks
    )
    return f"Worth of each account at each week's first open, from {usd(report.initial_cash)}: {', '.join(ends)}."


def provenance(report: WeeklyReport) -> tuple[tuple[str, str], ...]:
    """The report's own lines, the sources, then how each account's weights and orders came to be."""
    market, evidence = report.market, report.evidence
    span = f"{market.first_session} to {market.last_session}"
    lines = [
        *record_lines(report.record),
        *report.provenance,
        ("Market", f"{market_name(market)}, {span}, {_words(market.price_basis)} prices"),
        ("News", f"{_source(evidence.news_source, market)}, read by {_reader(evidence.model)}"),
        ("Filings", _source(evidence.filings_source, market)),
        *origins(report.forecasts),
    ]
    for section in report.accounts:
        facts = [f"attempt {section.plan.attempt}", _words(section.plan.mode)]
        facts += filter(None, [section.plan.mode_reason, section.portfolio.note])
        facts += [f"{key}: {value}" for key, value in section.weights.provenance.items()]
        lines.append((section.name, "; ".join(dict.fromkeys(facts))))
    return tuple(lines)


def _source(name: str, market: MarketInfo) -> str:
    return market_name(market) if name == THE_MARKETS_OWN else _words(name) or "none"


def _reader(model: str) -> str:
    """E.g. `vader@3.3.2` → `vader 3.3.2 (a word list)`."""
    kind = next((f" ({what})" for word, what in READERS.items() if word in model.lower()), "")
    return f"{' '.join(model.rsplit('@', 1))}{kind}" if model else "nobody"


def _words(identifier: str) -> str:
    return identifier.replace("_", " ")
