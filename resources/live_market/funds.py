"""Which source tells what a fund holds: the first of an order that answers, and why not the ones before it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from learnfinance_dagster.errors import DataError, RefusedError, TransientError
from resources.live_market.fetched import FundHoldings, FundSource


@dataclass(frozen=True, slots=True)
class FundAnswer:
    """What came of asking about one fund."""

    fund: str
    source: str
    """Whose answer it is; empty: nobody's."""
    holdings: FundHoldings | None
    says: str
    """For the report: who answered what, or why what is kept stays in use."""
    is_trouble: bool
    """It is not the first source that answered."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is kept of a fund already."""

    source: str
    day: date


def ask_funds(
    funds: Sequence[str],
    sources: Sequence[FundSource],
    today: date,
    known: Mapping[str, Known],
    patience: int,
) -> Iterator[FundAnswer]:
    """Ask the sources in their order about each fund.

    A later source gives less: after it, names that the fund still holds would be sold for no reason. So while what an
    earlier source gave is not older than `patience` days, it stays in use instead.
    """
    order = [source.name for source in sources]
    for fund in dict.fromkeys(funds):
        reasons: list[str] = []
        for rank, source in enumerate(sources):
            better = known.get(fund)
            is_kept = better is not None and better.source in order[:rank] and (today - better.day).days <= patience
            if better is not None and is_kept:
                says = f"{fund}: the holdings of {better.day} stay in use, because {'; '.join(reasons)}"
                yield FundAnswer(fund, "", None, says, is_trouble=True)
                break
            try:
                found = source.holdings(fund, today)
            except (RefusedError, TransientError, DataError) as error:
                reasons.append(f"{source.label}: {error}")
                continue
            yield FundAnswer(fund, source.name, found, _words(source, found, reasons), is_trouble=_is_less(found))
            break
        else:
            yield FundAnswer(fund, "", None, f"{fund}: nobody tells its holdings: {'; '.join(reasons)}", True)  # noqa: FBT003


def _is_less(found: FundHoldings) -> bool:
    return bool(found.scope)


def _words(source: FundSource, found: FundHoldings, reasons: Sequence[str]) -> str:
    left = f", {len(found.left_out)} left out" if found.left_out else ""
    if found.scope:
        return f"{found.fund}: {source.label}'s {found.scope}, because {'; '.join(reasons) or 'nobody else is asked'}"
    return f"{found.fund} of {found.day} from {source.label} ({len(found.weights)} holdings{left})"
