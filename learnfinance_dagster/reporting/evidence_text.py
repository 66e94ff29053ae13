"""News, filings and halal screen in plain text: every name and every headline, also those the letter leaves out."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from learnfinance_dagster.reporting import evidence_rows, halal_rows
from learnfinance_dagster.reporting.columns import bullets, paragraphs, table
from learnfinance_dagster.reporting.content import WeeklyReport
from learnfinance_dagster.reporting.evidence import NameEvidence
from learnfinance_dagster.reporting.evidence_rows import EvidenceRow
from learnfinance_dagster.reporting.formats import NOT_AVAILABLE, count, margin, ratio, score

LEGEND = (
    "News is the tone of the week's articles from −1 to +1, the newest counting most. Weights and margins are in"
    " percent, margins over four quarters; the age of a filing is in quarters."
)
WHOLE = 1000
"""Characters of a headline and of a publisher's name; they are hardly ever so long."""
FEW = 8
"""Names that are listed beside the reason they share; of more only the number is told, the table shows which."""
NUMBERS = ("news", "art.", "gross", "oper.", "net", "current", "debt/eq.", "filed", "age")


def evidence_text(report: WeeklyReport) -> str:
    """One line for each name with its numbers and, last, words; then what many names share; then the headlines."""
    rows = evidence_rows.all_rows(report)
    if not rows:
        return ""
    heads = tuple(head.lower() for head in evidence_rows.weight_heads(report))
    header = ("name", *heads, *NUMBERS, "screen", "remarks")
    body = table(header, map(_row, rows), left={0, len(header) - 2, len(header) - 1})
    legend = paragraphs(f"{LEGEND} {evidence_rows.who_reads(report)}")
    missing = bullets("Why a filing or a verdict is missing", _missing(row.known for row in rows if row.known))
    headlines = bullets("The headline that moved each score most", [line for row in rows if (line := _headline(row))])
    parts = (f"WHAT THE NEWS AND THE BOOKS SAY\n{legend}\n{body}", missing, headlines)
    return "\n\n".join(filter(None, parts))


def halal_text(report: WeeklyReport) -> str:
    """Where the house's own screen and the funds differ: every name."""
    rows = (f"{row.symbol}{f' ({row.mark})' if row.mark else ''}: {row.reason}" for row in halal_rows.differing(report))
    lines = (halal_rows.limits(report.evidence), halal_rows.verdict(report.evidence), *rows)
    return bullets("Halal screen", filter(None, lines))


def _row(row: EvidenceRow) -> tuple[str, ...]:
    known = row.known
    weights = evidence_rows.weight_cells(row)
    if known is None:
        return (row.symbol, *weights, *(NOT_AVAILABLE for _ in NUMBERS), "", evidence_rows.NOT_LOOKED_UP)
    return (
        row.symbol,
        *weights,
        score(known.sentiment),
        str(known.articles),
        margin(known.gross_margin),
        margin(known.operating_margin),
        margin(known.net_margin),
        ratio(known.current_ratio),
        ratio(known.debt_to_equity),
        known.filed_on.isoformat() if known.filed_on else known.unfiled,
        NOT_AVAILABLE if known.fundamental_age is None else f"{known.fundamental_age:.1f}",
        known.screen,
        _remarks(known),
    )


def _remarks(known: NameEvidence) -> str:
    """What is not a number; the reasons of the screen stand below, once."""
    news = known.unscored if known.unscored in {"", "no articles"} else f"news {known.unscored}"
    few = "few articles" if known.insufficient_news and not known.unscored else ""
    return "; ".join(filter(None, (news, few, evidence_rows.days_note(known))))


def _missing(names: Iterable[NameEvidence]) -> Iterator[str]:
    """Each reason once, with the names that share it."""
    shared = defaultdict(list)
    for known in names:
        reason = known.filing_reason or known.unfiled or (known.screen_reason if known.screen == "unknown" else "")
        if reason:
            shared[halal_rows.told(reason)].append(known.symbol)
    for reason, symbols in shared.items():
        yield f"{', '.join(symbols) if len(symbols) <= FEW else count(len(symbols), 'name')}: {reason}"


def _headline(row: EvidenceRow) -> str:
    words = evidence_rows.headline(row.known, WHOLE) if row.known else ""
    return f"{row.symbol}: {words} {evidence_rows.byline(row.known, WHOLE)}" if row.known and words else ""
