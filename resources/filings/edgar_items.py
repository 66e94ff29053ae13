"""From the facts of a company to rows of `schemas.market.Fundamentals`: which tags mean which item.

Tags differ between companies and years, so each item has alternatives, the best first. A line that a balance sheet does
not show counts as 0 only inside a sum of which another part is shown (no commercial paper beside long-term debt); an
item without any part is NaN: debt that nobody reports is unknown, not 0.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

import pandas as pd

from resources.filings.answer import as_frame
from resources.filings.edgar_facts import Book, Filing, Statement, filings, first, read, why_nothing

REVENUE = (
    "Revenues",
    "RevenueFromContractWithCustomerExcludingAssessedTax",
    "RevenueFromContractWithCustomerIncludingAssessedTax",
    "SalesRevenueNet",
    "SalesRevenueGoodsNet",
    "SalesRevenueServicesNet",
    "RevenuesNetOfInterestExpense",
)
COST = ("CostOfRevenue", "CostOfGoodsAndServicesSold", "CostOfGoodsSold", "CostOfServices")
PROFIT = ("NetIncomeLoss", "ProfitLoss", "NetIncomeLossAvailableToCommonStockholdersBasic")
CASH = ("CashAndCashEquivalentsAtCarryingValue", "Cash")
CASH_AND_SECURITIES = ("CashCashEquivalentsAndShortTermInvestments",)
SECURITIES = (
    "ShortTermInvestments",
    "MarketableSecuritiesCurrent",
    "AvailableForSaleSecuritiesDebtSecuritiesCurrent",
    "AvailableForSaleSecuritiesCurrent",
    "DebtSecuritiesCurrent",
    "OtherShortTermInvestments",
)
RECEIVABLES = ("ReceivablesNetCurrent", "AccountsNotesAndLoansReceivableNetCurrent", "AccountsAndNotesReceivableNet")
TRADE_RECEIVABLES = ("AccountsReceivableNetCurrent",)
OTHER_RECEIVABLES = ("NontradeReceivablesCurrent", "OtherReceivablesNetCurrent")
ALL_EQUITY = ("StockholdersEquityIncludingPortionAttributableToNoncontrollingInterest",)
EQUITY = ("StockholdersEquity", *ALL_EQUITY)
BETWEEN = (
    "TemporaryEquityCarryingAmountIncludingPortionAttributableToNoncontrollingInterests",
    "TemporaryEquityCarryingAmountAttributableToParent",
    "RedeemableNoncontrollingInterestEquityCarryingAmount",
)
"""Shares that may be handed back: neither liabilities nor equity."""
LONG_DEBT = (
    "LongTermDebtNoncurrent",
    "LongTermDebtAndCapitalLeaseObligations",
    "LongTermNotesPayable",
    "ConvertibleLongTermNotesPayable",
    "ConvertibleDebtNoncurrent",
    "SeniorLongTermNotes",
    "UnsecuredLongTermDebt",
    "SecuredLongTermDebt",
    "LongTermLineOfCredit",
    "LongTermLoansPayable",
    "OtherLongTermDebtNoncurrent",
)
DUE_DEBT = (
    "LongTermDebtCurrent",
    "LongTermDebtAndCapitalLeaseObligationsCurrent",
    "ConvertibleNotesPayableCurrent",
    "ConvertibleDebtCurrent",
    "NotesPayableCurrent",
)
"""The part of long-term debt that is due within a year."""
SHORT_DEBT = ("ShortTermBorrowings", "CommercialPaper", "OtherShortTermBorrowings", "ShortTermBankLoansAndNotesPayable")
"""The first one includes the others."""
CURRENT_DEBT = ("DebtCurrent",)
"""Both of the above."""
WHOLE_LONG_DEBT = ("LongTermDebt", "LongTermDebtAndCapitalLeaseObligationsIncludingCurrentMaturities")
"""Includes the part that is due."""
ALL_DEBT = ("DebtLongtermAndShorttermCombinedAmount",)

FLOWS = (*REVENUE, *COST, "GrossProfit", "OperatingIncomeLoss", *PROFIT)
AMOUNTS = (
    *("Assets", "AssetsCurrent", "Liabilities", "LiabilitiesCurrent", "MinorityInterest"),
    *(*CASH, *CASH_AND_SECURITIES, *SECURITIES, *RECEIVABLES, *TRADE_RECEIVABLES, *OTHER_RECEIVABLES),
    *(*EQUITY, *BETWEEN, *LONG_DEBT, *DUE_DEBT, *SHORT_DEBT, *CURRENT_DEBT, *WHOLE_LONG_DEBT, *ALL_DEBT),
)
PERIOD_TAGS = (*FLOWS, "Assets", *EQUITY)
"""What decides of which period a filing is; notes about debt may name later days."""
SHARES_ON_COVER, SHARES = "EntityCommonStockSharesOutstanding", "CommonStockSharesOutstanding"
TAGS = {
    **dict.fromkeys((*FLOWS, *AMOUNTS), ("us-gaap", "USD")),
    SHARES: ("us-gaap", "shares"),
    SHARES_ON_COVER: ("dei", "shares"),
}


def statements(document: Any, symbol: str, source: str) -> tuple[pd.DataFrame, str]:
    """Every publication of a fiscal quarter, as the SEC's `companyfacts` tells it.

    Returns:
        Rows of `schemas.market.Fundamentals`, sorted, one for each quarter and day on which a filing about it came;
        and, where there are none, the reason.

    Raises:
        DataError: the document has not the shape that the SEC describes.
    """
    book = read(document, TAGS)
    found = filings(book, PERIOD_TAGS)
    rows = []
    for period, day in sorted({(filing.period, filing.filed) for filing in found}):
        items = _items(book, found, period, day)
        if any(amount is not None for amount in items.values()):
            dates = {"fiscal_date_ending": period, "available_on": day}
            rows.append({"symbol": symbol, **dates, **items, "source": source})
    return as_frame(rows), "" if rows else why_nothing(document, PERIOD_TAGS)


def _items(book: Book, found: tuple[Filing, ...], period: date, day: date) -> dict[str, float | None]:
    """What was known of a period on a day: the newest filing about it, and what it leaves out from those before.

    Amendments often repeat a part of the statements only.
    """
    newest_first = [filing for filing in reversed(found) if filing.period == period and filing.filed <= day]
    views = [Statement(book, filing) for filing in newest_first]
    return {item: first(rule(view) for view in views) for item, rule in ITEMS.items()}


def _gross_profit(view: Statement) -> float | None:
    stated, revenue, cost = view.over("GrossProfit"), view.over(*REVENUE), view.over(*COST)
    if stated is not None or revenue is None or cost is None:
        return stated
    return revenue - cost


def _cash(view: Statement) -> float | None:
    """Cash, equivalents and short-term securities: what halal screens hold against a company."""
    cash = view.at(*CASH)
    return view.at(*CASH_AND_SECURITIES) if cash is None else cash + (view.at(*SECURITIES) or 0.0)


def _receivables(view: Statement) -> float | None:
    """All receivables, or else those from trade and the others."""
    return first((view.at(*RECEIVABLES), _sum(view.at(*TRADE_RECEIVABLES), view.at(*OTHER_RECEIVABLES))))


def _liabilities(view: Statement) -> float | None:
    """Stated, or else what of the assets belongs to nobody who holds shares."""
    stated, assets = view.at("Liabilities"), view.at("Assets")
    equity = first((view.at(*ALL_EQUITY), _sum(view.at("StockholdersEquity"), view.at("MinorityInterest"))))
    if stated is not None or assets is None or equity is None:
        return stated
    return assets - equity - (view.at(*BETWEEN) or 0.0)


def _debt(view: Statement) -> float | None:
    """Interest-bearing debt, no part twice: `LongTermDebt` includes what is due, `DebtCurrent` both short parts."""
    short, due, current = view.at(*SHORT_DEBT), view.at(*DUE_DEBT), view.at(*CURRENT_DEBT)
    if short is None and current is not None and due is not None:
        short = current - due
    within_a_year = first((current, _sum(due, short)))
    if (later := view.at(*LONG_DEBT)) is not None:
        return later + (within_a_year or 0.0)
    if (whole := view.at(*WHOLE_LONG_DEBT)) is not None:
        return whole + (short or 0.0)
    return first((view.at(*ALL_DEBT), within_a_year))


def _shares(view: Statement) -> float | None:
    """From the cover, which is newest; several share classes are counted apart there, and then there is no total."""
    return first((view.on_cover(SHARES_ON_COVER), view.at(SHARES)))


def _sum(*parts: float | None) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


ITEMS: dict[str, Callable[[Statement], float | None]] = {
    "total_revenue": lambda view: view.over(*REVENUE),
    "gross_profit": _gross_profit,
    "operating_income": lambda view: view.over("OperatingIncomeLoss"),
    "net_income": lambda view: view.over(*PROFIT),
    "total_assets": lambda view: view.at("Assets"),
    "total_current_assets": lambda view: view.at("AssetsCurrent"),
    "cash_and_equivalents": _cash,
    "net_receivables": _receivables,
    "total_current_liabilities": lambda view: view.at("LiabilitiesCurrent"),
    "total_liabilities": _liabilities,
    "total_debt": _debt,
    "total_shareholder_equity": lambda view: view.at(*EQUITY),
    "shares_outstanding": _shares,
}
