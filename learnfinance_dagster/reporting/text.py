"""The report in plain text: the letter's twin, and the comparison that a terminal shows."""

from collections.abc import Iterable

from learnfinance_dagster.reporting import wording
from learnfinance_dagster.reporting.columns import bullets, paragraphs, table
from learnfinance_dagster.reporting.content import AccountSection, WeeklyReport
from learnfinance_dagster.reporting.evidence_text import evidence_text, halal_text
from learnfinance_dagster.reporting.fates import (
    STATUS_WORDS,
    Fate,
    by_reason,
    fates,
    grouped,
    not_sent_by_reason,
    tally,
)
from learnfinance_dagster.reporting.forecast_text import forecast_text
from learnfinance_dagster.reporting.formats import (
    MODES,
    count,
    percent,
    plain,
    points,
    price,
    signed_percent,
    usd,
)
from learnfinance_dagster.reporting.in_words import words_text
from learnfinance_dagster.reporting.policy_text import policy_text
from learnfinance_dagster.reporting.weights import weight_table


def render_text(report: WeeklyReport) -> str:
    """Everything that the letter says, with every order, in 78 columns where words allow."""
    parts = [
        paragraphs(wording.first_line(report.market)),
        paragraphs(wording.title(report), *wording.timing(report), wording.headline(report)),
        bullets("Something is missing", (f"{name}: {reason}" for name, reason in report.troubles)),
        bullets("Read with care", report.caveats),
        f"AT A GLANCE\n{comparison_table(report)}",
        words_text(report.words, report.notes),
        _weights(report),
        policy_text(report),
        evidence_text(report),
        halal_text(report),
        forecast_text(report),
        *(_account(section) for section in report.accounts),
        _universe(report),
        bullets("Where this comes from", (f"{label}: {value}" for label, value in wording.provenance(report))),
        f"{wording.FOOTER}\nRun ID: {report.week.run_id}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def comparison_table(report: WeeklyReport) -> str:
    """The accounts side by side: one line each, for a terminal."""
    header = ("account", "mode", "NAV", "week", "total", "drawdown", "cash", "traded", "filled")
    rows = [_comparison_row(report, section) for section in report.accounts]
    spans = dict.fromkeys(f"week: {wording.span(section)}" for section in report.accounts if wording.span(section))
    return "\n".join([table(header, rows, left={0, 1, 8}), *spans])


def _comparison_row(report: WeeklyReport, section: AccountSection) -> tuple[str, ...]:
    numbers = tally(fates(section))
    return (
        section.name,
        MODES[section.plan.mode],
        usd(section.nav),
        signed_percent(section.week_return),
        signed_percent(section.total_return(report.initial_cash)),
        percent(section.drawdown(report.initial_cash)),
        percent(section.cash_share, 1),
        percent(section.plan.turnover, 1),
        f"{numbers.filled}/{numbers.sent}" if numbers.sent else f"{numbers.planned or 'none'} planned",
    )


def _weights(report: WeeklyReport) -> str:
    weights = weight_table(report.accounts)
    rows = [*weights.rows, *([weights.rest] if weights.more else []), weights.cash]
    header = ("name", *(section.name for section in report.accounts))
    body = table(header, [(row.symbol, *map(points, row.weights)) for row in rows], left={0})
    return f"WHAT EACH ALLOCATOR WANTS (percent of the account)\n{body}"


def _account(section: AccountSection) -> str:
    account_fates = fates(section)
    worth = f"Worth {usd(section.nav)} {wording.worth(section)}; {wording.orders_line(tally(account_fates))}."
    lines = [plain(section.name).upper(), paragraphs(section.summary, worth, wording.mode_line(section))]
    if section.trouble:
        lines.append(paragraphs(f"Left alone this week: {section.trouble}"))
    lines += _orders(account_fates)
    for reason, members in not_sent_by_reason(section.plan.not_sent):
        lines.append(paragraphs(f"Not sent, {reason}: {', '.join(wording.candidate(member) for member in members)}"))
    for reason, symbols in by_reason(section.weights.excluded):
        lines.append(paragraphs(f"Not weighed, {reason}: {', '.join(symbols)}"))
    return "\n".join(lines)


def _orders(account_fates: Iterable[Fate]) -> list[str]:
    """One table, in the order of the letter; words of explanation last, where they may run on."""
    rows = [
        (
            fate.order.symbol,
            fate.order.side,
            wording.shares(fate),
            price(fate.order.last_price),
            price(fate.order.limit_price),
            price(fate.price),
            price(fate.cost),
            f"{STATUS_WORDS[group.status]}{', ' if group.reason else ''}{group.reason}",
        )
        for group in grouped(account_fates)
        for fate in group.fates
    ]
    header = ("symbol", "side", "shares", "last $", "limit $", "fill $", "cost $", "fate")
    return [table(header, rows, left={0, 1, 7})] if rows else []


def _universe(report: WeeklyReport) -> str:
    universe = report.universe
    facts = [
        f"{count(universe.halal, 'halal name')}, of which {universe.screened} passed the screens",
        f"{universe.held_over} stayed candidates only because they are held",
        f"Fund holdings: {', '.join(universe.funds) or 'n/a'}",
        *(f"Left out: {number}, {reason}" for reason, number in universe.excluded.items()),
    ]
    return bullets("Who could be held", facts)
