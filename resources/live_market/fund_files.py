"""Funds' own files: SP Funds' daily CSV, and Wahed's sheet."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from learnfinance_dagster.errors import RefusedError
from resources.http import PatientSession
from resources.live_market.fetched import FundHoldings
from resources.live_market.fund_csv import fund_holdings


@dataclass(frozen=True)
class FundFiles:
    """`FundSource` that fetches one CSV a fund."""

    name: str
    label: str
    addresses: Mapping[str, str]
    """Fund → where its file is."""
    unknown: str
    """Why other funds have none here."""
    session: PatientSession

    def holdings(self, fund: str, today: date) -> FundHoldings:
        """See `FundSource.holdings`."""
        address = self.addresses.get(fund)
        if address is None:
            raise RefusedError(self.unknown)
        return fund_holdings(fund, self.session.get(address).content, today)


SP_FUNDS = ("SPUS", "SPTE", "SPRE", "SPWO")


def files_session() -> PatientSession:
    """Patient, and content with what is no JSON."""
    return PatientSession(per_second=2.0, expects_json=False)


def sp_funds(url: str, session: PatientSession | None = None) -> FundFiles:
    """SP Funds; `{fund}` in the address is the fund."""
    addresses = {fund: url.format(fund=fund) for fund in SP_FUNDS}
    return FundFiles("sp_funds", "SP Funds", addresses, "not a fund of SP Funds", session or files_session())


def wahed(url: str, sheets: Mapping[str, str], session: PatientSession | None = None) -> FundFiles:
    """Wahed; `{sheet}` in the address is the id of the fund's sheet."""
    addresses = {fund: url.format(sheet=sheet) for fund, sheet in sheets.items()}
    unknown = "no sheet of Wahed's is named in LEARNFINANCE_LIVE__WAHED_SHEETS"
    return FundFiles("wahed", "Wahed", addresses, unknown, session or files_session())
