"""A weekly report as named facts."""

from statistics import mean, median

from learnfinance_dagster.commentary.facts import (
    Claim,
    Fact,
    called,
    change,
    count,
    day,
    lead,
    money,
    quote,
    share,
    tone,
    version,
)
from learnfinance_dagster.reporting.content import AccountSection, WeeklyReport
from learnfinance_dagster.reporting.evidence import NameEvidence
from learnfinance_dagster.reporting.fates import fates, tally
from learnfinance_dagster.reporting.forecasts import ForecasterNote
from learnfinance_dagster.reporting.wording import first_line, ranked_by_week

START = ("start", "beginning", "inception")
WEEKLY = ("week", "weekly")
LONGEST_REASON = 200


def week(report: WeeklyReport) -> tuple[Fact, ...]:
    """What every paragraph may say of the week."""
    found = [
        day("week.decided", report.week.as_of.date(), "decided", "decision", "decisions"),
        called("week.market", first_line(report.market)),
    ]
    if ranked := ranked_by_week(report):
        marks = ranked[0][0].marks
        found += [day("week.start", marks[-2].session), day("week.end", marks[-1].session)]
    return tuple(found)


def overall(report: WeeklyReport) -> tuple[Fact, ...]:
    """Who did best and worst, who leads since the start, and how much happened."""
    found = [count("accounts.count", len(report.accounts), "accounts", "allocators")]
    if ranked := ranked_by_week(report):
        (best, high), (worst, low) = ranked[0], ranked[-1]
        found += [
            called("best.name", best.name, Claim.BEST),
            change("best.week_return", high, *WEEKLY, also=[Claim.BEST]),
        ]
        if len(ranked) > 1:
            found += [
                called("worst.name", worst.name, Claim.WORST),
                change("worst.week_return", low, *WEEKLY, also=[Claim.WORST]),
                change("accounts.average_return", mean(value for _, value in ranked), "average"),
            ]
    totals = [(t, each) for each in report.accounts if (t := each.total_return(report.initial_cash)) is not None]
    weeks = max((len(each.marks) for each in report.accounts), default=0) - 1
    if len(totals) > 1 and weeks > 0:
        total, leader = max(totals, key=lambda pair: pair[0])
        found += [
            called("leader.name", leader.name, Claim.BEST),
            change("leader.total_return", total, *START, also=[Claim.BEST]),
            count("accounts.weeks", weeks, "weeks", "record"),
        ]
    orders = [tally(fates(each)) for each in report.accounts]
    found += [
        count("accounts.orders", sum(each.sent for each in orders), "orders"),
        count("accounts.filled", sum(each.filled for each in orders), "filled"),
        count("accounts.candidates", report.universe.screened, "names", "candidates"),
    ]
    if report.troubles:
        found.append(count("accounts.troubled", len(report.troubles), "account", "accounts"))
    return tuple(found)


def account(report: WeeklyReport, section: AccountSection) -> tuple[Fact, ...]:
    """One allocator's week."""
    name = section.name
    found = [called(f"{name}.name", name), money(f"{name}.worth", section.nav, "worth", "value")]
    ranked = {each.name: value for each, value in ranked_by_week(report)}
    if name in ranked:
        found.append(change(f"{name}.week_return", ranked[name], *WEEKLY))
        others = [value for each, value in ranked.items() if each != name]
        if others:
            found.append(lead(f"{name}.lead", ranked[name] - mean(others), "others", "average"))
    if (total := section.total_return(report.initial_cash)) is not None:
        found.append(change(f"{name}.total_return", total, *START))
    if (fallen := section.drawdown(report.initial_cash)) is not None:
        down = [Claim.DOWN] if fallen > 0 else [Claim.FLAT]
        found.append(share(f"{name}.deepest_fall", fallen, "peak", "fall", "deepest", digits=2, claims=down))
    if section.cash_share is not None:
        found.append(share(f"{name}.cash", section.cash_share, "cash"))
    numbers = tally(fates(section))
    found += [
        share(f"{name}.turnover", section.plan.turnover, "turnover", "traded"),
        count(f"{name}.orders", numbers.sent, "order", "orders"),
        count(f"{name}.planned", numbers.planned, "planned"),
        count(f"{name}.filled", numbers.filled, "filled"),
    ]
    found += _largest(section)
    found += quote(f"{name}.trouble", section.trouble or section.fills.pending, length=LONGEST_REASON)
    if chosen := section.weights.provenance.get("policy", ""):
        found.append(version(f"{name}.policy", chosen))
    return tuple(found)


def _largest(section: AccountSection) -> list[Fact]:
    weights = section.weights.weights
    if not weights:
        return []
    symbol = max(sorted(weights), key=lambda each: weights[each])
    whose = f"{section.name}.largest"
    return [
        count(f"{section.name}.names", sum(1 for value in weights.values() if value > 0), "names", "positions"),
        called(f"{whose}.name", symbol, Claim.LARGEST),
        share(f"{whose}.weight", weights[symbol], "weight", "position", "share", claims=[Claim.LARGEST]),
    ]


def forecaster(report: WeeklyReport, place: int) -> tuple[Fact, ...]:
    """One forecaster's word of the week, and its record."""
    note: ForecasterNote = report.forecasts.forecasters[place]
    name = note.name
    found = [called(f"{name}.name", name)]
    if note.version:
        found.append(version(f"{name}.version", note.version))
    known = [
        (one.weekly_return, each.symbol)
        for each in report.forecasts.names
        if (one := each.forecasts[place]).weekly_return is not None
    ]
    guessed = sorted(((value, symbol) for value, symbol in known if value is not None), key=lambda g: (-g[0], g[1]))
    if guessed:
        (high, top), (low, bottom) = guessed[0], guessed[-1]
        found += [
            count(f"{name}.names", len(guessed), "names"),
            change(f"{name}.median", median(value for value, _ in guessed), "median"),
            called(f"{name}.top.name", top, Claim.BEST),
            change(f"{name}.top.forecast", high, "expects", "expected", "forecast", "guess", also=[Claim.BEST]),
        ]
        if len(guessed) > 1:
            found += [
                called(f"{name}.bottom.name", bottom, Claim.WORST),
                change(f"{name}.bottom.forecast", low, "expects", "expected", "forecast", "guess", also=[Claim.WORST]),
            ]
    if note.weeks:
        found.append(count(f"{name}.weeks", note.weeks, "weeks"))
    found += quote(f"{name}.verdict", note.verdict, length=LONGEST_REASON)
    found += quote(f"{name}.trouble", note.failure, length=LONGEST_REASON)
    if note.readers:
        found.append(called(f"{name}.readers", " and ".join(note.readers)))
    return tuple(found)


def news(report: WeeklyReport) -> tuple[Fact, ...]:
    """How the week's articles sounded, and how far they reach."""
    evidence = report.evidence
    scored = [each for each in evidence.names if each.sentiment is not None and not each.insufficient_news]
    found = [
        count("news.names", len(evidence.names), "names"),
        count("news.scored", len(scored), "names"),
        count("news.articles", sum(each.articles for each in evidence.names), "articles"),
        share("news.missing", evidence.not_fetched_share, "missing", "coverage", digits=0),
        *_text("news.source", evidence.news_source),
    ]
    ranked = sorted(scored, key=lambda each: (-(each.sentiment or 0.0), each.symbol))
    if ranked:
        found.append(tone("news.average", mean(each.sentiment or 0.0 for each in ranked), "average"))
        found += _heard("kindest", ranked[0], Claim.BEST)
    if len(ranked) > 1:
        found += _heard("harshest", ranked[-1], Claim.WORST)
    return tuple(found)


def _heard(whose: str, known: NameEvidence, claim: Claim) -> list[Fact]:
    return [
        called(f"{whose}.name", known.symbol, claim),
        tone(f"{whose}.tone", known.sentiment or 0.0, "tone", "news", also=[claim]),
        *quote(f"{whose}.headline", known.headline),
    ]


def books(report: WeeklyReport) -> tuple[Fact, ...]:
    """What filings say, and the house's own halal screen."""
    evidence = report.evidence
    filed = [each for each in evidence.names if each.net_margin is not None]
    found = [
        count("books.names", len(evidence.names), "names"),
        count("books.filed", len(filed), "filing", "filings", "statements"),
        *_text("books.source", evidence.filings_source),
    ]
    if evidence.asked:
        found += [
            count("books.passed", evidence.passed, "passes", "passed", "pass"),
            count("books.differing", evidence.failed, "screen"),
        ]
    ranked = sorted(filed, key=lambda each: (-(each.net_margin or 0.0), each.symbol))
    if ranked:
        found.append(change("books.median_margin", median(each.net_margin or 0.0 for each in ranked), "median"))
        found += _margin("widest", ranked[0], Claim.BEST)
    if len(ranked) > 1:
        found += _margin("thinnest", ranked[-1], Claim.WORST)
    return tuple(found)


def _margin(whose: str, known: NameEvidence, claim: Claim) -> list[Fact]:
    return [
        called(f"{whose}.name", known.symbol, claim),
        change(f"{whose}.margin", known.net_margin or 0.0, "margin", "margins", also=[claim]),
    ]


def _text(name: str, text: str) -> list[Fact]:
    return [called(name, text)] if text and text != "none" else []
