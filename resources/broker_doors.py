"""Doors to brokers: which account is kept where."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.orchestration.handles import BrokerDoor
from learnfinance_dagster.ports import Broker
from resources.credentials import needed, secret

if TYPE_CHECKING:
    from resources.brokers.alpaca_client import AlpacaSession

Clock = Callable[[], datetime]
PREFIX = re.compile("[A-Z][A-Z0-9_]*")


@dataclass(frozen=True, slots=True)
class AlpacaBrokerDoor:
    """Some accounts at Alpaca, the rest elsewhere."""

    accounts: Mapping[str, str]
    """Account → the middle of its credentials' names: HRP is ALPACA_HRP_KEY and ALPACA_HRP_SECRET."""
    paper: str
    """Address of accounts without real money."""
    clock: Clock
    rest: BrokerDoor
    real_money: Mapping[str, str] = field(default_factory=dict)
    """Account → the address at which its orders spend real money."""

    def open(self, account: str) -> Broker:
        """That account's broker.

        Raises:
            ConfigurationError: credentials are missing or shared, or the address is not allowed.
        """
        if account not in self.accounts:
            return self.rest.open(account)
        from resources.brokers.alpaca import AlpacaBroker

        url = self.real_money.get(account, self.paper).rstrip("/")
        key, word = self._credentials(account)
        session = _session(account, url, self.clock)
        return AlpacaBroker(key, word, session, url, real_money=account in self.real_money)

    def _credentials(self, account: str) -> tuple[str, str]:
        names = {name: _names(name, prefix) for name, prefix in self.accounts.items()}
        key_name, secret_name = names[account]
        key, word = needed(key_name), needed(secret_name)
        twins = [other for other, (its_key, _) in names.items() if other != account and secret(its_key) == key]
        if twins:
            msg = (
                f"{key_name} and {names[twins[0]][0]} are the same key: {account} and {twins[0]} would trade one"
                " account against each other; make a paper account for each at Alpaca"
            )
            raise ConfigurationError(msg)
        return key, word


def _names(account: str, prefix: str) -> tuple[str, str]:
    if not PREFIX.fullmatch(prefix):
        msg = f"LEARNFINANCE_ALPACA_ACCOUNTS: {account} needs the X of ALPACA_X_KEY in capitals, not {prefix!r}"
        raise ConfigurationError(msg)
    return f"ALPACA_{prefix}_KEY", f"ALPACA_{prefix}_SECRET"


@cache
def _session(account: str, url: str, clock: Clock) -> "AlpacaSession":
    """One for an account: a run opens its broker several times, and Alpaca counts an account's requests."""
    from resources.brokers.alpaca_client import AlpacaSession

    del account, url
    return AlpacaSession(clock)
