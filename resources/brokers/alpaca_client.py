"""Alpaca's own trading client over a patient session. Imports alpaca-py: import it late."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from alpaca.common.exceptions import APIError, RetryException
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, TimeInForce
from alpaca.trading.requests import LimitOrderRequest

from learnfinance_dagster.errors import ConfigurationError, DataError, RefusedError
from resources.brokers.alpaca_errors import declined
from resources.http import FAILURES, REFUSALS, TOO_MANY, PatientSession

A_MINUTE = 180
"""Requests; Alpaca takes 200 a minute and account."""


class AlpacaSession(PatientSession):
    """A patient session that leaves it to the client what a 4xx means, and remembers how far Alpaca's clock is off.

    All that ask for an account share one session, because they share its budget: a run opens it several times.
    """

    def __init__(self, now: Callable[[], datetime], **patience: Any) -> None:
        """Nothing is asked yet.

        Args:
            now: our wall clock.
            patience: see `PatientSession`.
        """
        super().__init__(**{"a_minute": A_MINUTE, **patience})
        self._now = now
        self.skew: timedelta | None = None
        """Alpaca's clock less ours, as its newest dated answer showed it; None before the first."""

    def _judged(self, response: requests.Response, status: int) -> Any:
        stamp = _moment(response.headers.get("Date", ""))
        self.skew = stamp - self._now() if stamp else self.skew
        if REFUSALS <= status < FAILURES and status != TOO_MANY:
            return response
        return super()._judged(response, status)


class PatientTradingClient(TradingClient):
    """`TradingClient` that sends an order once, and tells no secret when it fails."""

    def __init__(self, key: str, secret: str, url: str, session: PatientSession) -> None:
        """Ask at `url` with those credentials."""
        super().__init__(key, secret, raw_data=True, url_override=url)
        # Its own session has no time-out, and it sends POST again on 504 and 429. Both are the session's business,
        # which repeats questions and never orders.
        self._session = session
        self._retry = self._retry_wait = 0

    def ask(self, path: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """The answer to a question, as it came.

        Raises:
            Declined: Alpaca says no.
            LearnFinanceError: there is no usable answer; see `PatientSession.request`.
        """
        return self._told(lambda: self.get(path, dict(parameters or {})), path)

    def send(self, order: Mapping[str, Any]) -> Any:
        """The answer to an order, as it came. It is sent once, whatever happens; errors as of `ask`."""
        return self._told(lambda: self.post("/orders", dict(order)), "/orders")

    def _told(self, call: Callable[[], Any], path: str) -> Any:
        """Errors are raised outside of `except`, so that no headers hang on to them as their context."""
        response, trouble = None, ""
        try:
            return call()
        except APIError as error:
            response = error.response
        except RefusedError as error:  # a redirect; all other refusals come as APIError
            trouble = str(error)
        except (RetryException, requests.RequestException, ValueError) as error:
            trouble = type(error).__name__
        if response is not None:
            raise declined(response)
        if "redirects" in trouble:
            raise ConfigurationError(trouble)
        msg = f"Alpaca's answer to {path} cannot be used ({trouble})"
        raise DataError(msg)


def limit_order(symbol: str, side: str, qty: str, limit_price: str, client_order_id: str) -> dict[str, Any]:
    """A day limit order as Alpaca takes it, checked by its own request class.

    Raises:
        RefusedError: alpaca-py itself does not take it.
    """
    trouble = None
    try:
        request = LimitOrderRequest(
            symbol=symbol,
            qty=float(qty),
            side=OrderSide(side),
            time_in_force=TimeInForce.DAY,
            limit_price=float(limit_price),
            client_order_id=client_order_id,
        )
        # Its numbers are floats. Shares have nine decimals, so they go out as text.
        return request.to_request_fields() | {"qty": qty, "limit_price": limit_price}
    except ValueError as error:  # pydantic's errors are among them
        trouble = type(error).__name__
    msg = f"alpaca-py takes no such order ({trouble}): {side} {qty} {symbol} at {limit_price}, {client_order_id}"
    raise RefusedError(msg)


def _moment(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
