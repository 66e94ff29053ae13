"""Quarterly statements that become public 20 to 60 days after the period they describe.

Their size follows a slow average of the company's past market value, so ratios stay plausible over many years. They
carry no signal: nothing in them leads returns.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from resources.practice_market.actions import Levels
from resources.practice_market.roster import Roster
from resources.practice_market.spec import Part, PracticeSpec, stream
from resources.practice_market.timeline import Timeline, weekdays

MONTHS_BEFORE = 15
"""Statements reach back this far before the first session, so that its Monday can sum four quarters."""
SMOOTHING = 0.08
"""Weight of a month in the slow average of market value."""
DEBTOR_SHARE = 0.15
"""Companies whose debt is 40 to 90 % of their market value: most halal screens stop at 30 or 33 %."""
HOARDER_SHARE = 0.08
"""Companies whose cash is 35 to 60 % of their market value."""
ODD_SHARE = 0.05
"""Companies with negative equity; as many never report receivables, and as many never report a gross profit."""
GAP_SHARE = 0.01
"""Single debt figures that are missing."""
FASTEST, SLOWEST = 20, 58
"""Days to publication; a weekend moves it to Monday."""
TAX = 0.21
INTEREST = 0.05 / 4


@dataclass(frozen=True, slots=True)
class _Habits:
    """(N,) what a company's statements look like; amounts as shares of market value."""

    month: np.ndarray
    """0-2: which months end its fiscal quarters."""
    delay: np.ndarray
    revenue: np.ndarray
    """A year."""
    gross: np.ndarray
    operating: np.ndarray
    """Margins."""
    debt: np.ndarray
    cash: np.ndarray
    receivables: np.ndarray
    payables: np.ndarray
    plant: np.ndarray
    underwater: np.ndarray
    no_receivables: np.ndarray
    no_gross: np.ndarray


def filings(spec: PracticeSpec, line: Timeline, names: Roster, levels: Levels) -> pd.DataFrame:
    """Statements as in `learnfinance_dagster.schemas.market.Fundamentals`, sorted by symbol and period."""
    rng = stream(spec, Part.FILINGS)
    habits = _habits(rng, len(names))
    ends, value = _quarters(line, names, levels, habits.month)
    items = _items(rng, habits, value)
    public = _public(rng, ends, habits.delay)
    # Splits up to the day of publication are in a statement's shares.
    known = np.maximum(line.at_or_before(public), names.listed)
    items["shares_outstanding"] = np.round(levels.splits[known, np.arange(len(names))] * names.shares, -3)
    # A company files from its listing on (the first ones have a past), and until it leaves.
    listed = np.where(names.listed == 0, ends[0].min(), line.days[names.listed])
    gone = np.append(line.days, line.days[-1] + 1)[names.delisted]
    i, q = np.nonzero(((ends >= listed) & (public < gone)).T)
    return pd.DataFrame(
        {
            "symbol": pd.array(np.array(names.symbols, dtype=object)[i], dtype="str"),
            "fiscal_date_ending": ends[q, i].astype(object),
            "available_on": public[q, i].astype(object),
            **{item: amounts[q, i] for item, amounts in items.items()},
            "source": pd.array(np.full(len(i), "practice", dtype=object), dtype="str"),
        }
    )


def _habits(rng: np.random.Generator, count: int) -> _Habits:
    debt, cash = rng.uniform(0.03, 0.25, count), rng.uniform(0.03, 0.15, count)
    debtor, hoarder = rng.random(count) < DEBTOR_SHARE, rng.random(count) < HOARDER_SHARE
    gross = rng.uniform(0.25, 0.70, count)
    # At least one of each kind, so that no market is without them.
    kinds = rng.permutation(count)
    debtor[kinds[0]] = hoarder[kinds[1]] = True
    underwater, no_receivables, no_gross = (_some(rng, count, kinds[k]) for k in (2, 3, 4))
    return _Habits(
        month=np.where(rng.random(count) < 0.8, 0, rng.integers(1, 3, count)),  # noqa: PLR2004 - calendar quarters
        delay=rng.integers(22, 46, count),
        revenue=rng.uniform(0.2, 0.8, count),
        gross=gross,
        operating=gross * rng.uniform(0.10, 0.55, count),
        debt=np.where(debtor, rng.uniform(0.40, 0.90, count), debt),
        cash=np.where(hoarder, rng.uniform(0.35, 0.60, count), cash),
        receivables=rng.uniform(0.02, 0.12, count),
        payables=rng.uniform(0.08, 0.25, count),
        plant=rng.uniform(0.25, 0.65, count) + 0.7 * np.where(debtor, 0.9, 0.0),
        underwater=underwater,
        no_receivables=no_receivables,
        no_gross=no_gross,
    )


def _some(rng: np.random.Generator, count: int, always: int) -> np.ndarray:
    """(N,) true for a few names, and for one in any case."""
    chosen = rng.random(count) < ODD_SHARE
    chosen[always] = True
    return chosen


def _quarters(line: Timeline, names: Roster, levels: Levels, month: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(Q, N) fiscal quarter ends, and slow market value then."""
    first = line.days[0].astype("datetime64[M]") - MONTHS_BEFORE
    months = np.arange(first - first.astype(np.int64) % 3, line.days[-1].astype("datetime64[M]") + 1)
    ends = (months + 1).astype("datetime64[D]") - 1
    # Before its listing a company is worth what it is worth at its listing.
    at = np.maximum(line.at_or_before(ends)[:, None], names.listed)
    column = np.arange(len(names))
    value = levels.close[at, column] * names.shares
    for m in range(1, len(value)):
        value[m] = value[m - 1] + SMOOTHING * (value[m] - value[m - 1])
    rows = np.arange(2, len(months) - 2, 3)[:, None] + month
    return ends[rows], value[rows, column]


def _items(rng: np.random.Generator, habits: _Habits, value: np.ndarray) -> dict[str, np.ndarray]:
    """(Q, N) statement items in USD; the balance sheet balances to the dollar."""

    def amount(share: np.ndarray, noise: float) -> np.ndarray:
        return np.round(value * share * np.exp(noise * rng.standard_normal(value.shape)), -3)

    revenue = amount(habits.revenue / 4, 0.06)
    gross = np.round(revenue * np.clip(habits.gross + 0.02 * rng.standard_normal(value.shape), 0.05, 0.95), -3)
    margin = habits.operating + 0.04 * rng.standard_normal(value.shape)
    operating = np.minimum(np.round(revenue * margin, -3), gross)
    debt, cash, receivables = amount(habits.debt, 0.05), amount(habits.cash, 0.08), amount(habits.receivables, 0.08)
    payables, plant = amount(habits.payables, 0.05), amount(habits.plant, 0.03)
    current = cash + receivables + np.round(0.3 * payables, -3)
    liabilities = debt + payables
    # Years of buy-backs and losses: what the company owns is worth less than what it owes.
    plant = np.where(habits.underwater, np.maximum(np.round(0.85 * liabilities, -3) - current, 0), plant)
    liabilities = np.where(habits.underwater, np.maximum(liabilities, 1.1 * (current + plant)), liabilities)
    assets = current + plant
    profit = operating - INTEREST * debt
    return {
        "total_revenue": revenue,
        "gross_profit": np.where(habits.no_gross, np.nan, gross),
        "operating_income": operating,
        "net_income": np.round(np.where(profit > 0, profit * (1 - TAX), profit), -3),
        "total_assets": assets,
        "total_current_assets": current,
        "cash_and_equivalents": cash,
        "net_receivables": np.where(habits.no_receivables, np.nan, receivables),
        "total_current_liabilities": np.round(0.6 * payables + 0.1 * debt, -3),
        "total_liabilities": liabilities,
        "total_debt": np.where(rng.random(value.shape) < GAP_SHARE, np.nan, debt),
        "total_shareholder_equity": assets - liabilities,
    }


def _public(rng: np.random.Generator, ends: np.ndarray, delay: np.ndarray) -> np.ndarray:
    """(Q, N) the day each statement became public; the year's last one takes longer."""
    annual = ends.astype("datetime64[M]").astype(np.int64) % 12 == 11  # noqa: PLR2004 - December
    days = np.clip(delay + rng.integers(-3, 5, ends.shape) + 9 * annual, FASTEST, SLOWEST)
    public = ends + days
    return public + np.maximum(7 - weekdays(public), 0) * (weekdays(public) >= 5)  # noqa: PLR2004 - weekend
