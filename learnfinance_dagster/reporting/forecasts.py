"""What the forecasters expect of each name, and how good such forecasts were in weeks they were not trained on."""

from dataclasses import dataclass
from datetime import date

from learnfinance_dagster.reporting.formats import count

NO_REASON = "no reason was given"
ZERO = "zero"
"""Label of the yardstick that always forecasts no change; errors are told against its."""


@dataclass(frozen=True, slots=True)
class SkillLine:
    """How good one way of forecasting was in the held-out weeks. None is not defined: zero has no order of names."""

    label: str
    """The forecaster's name, or `zero`, `persistence`, `momentum`, `last_year_mean`."""
    mse: float
    """Mean squared error of weekly returns."""
    rank_ic: float | None
    """Mean over weeks of the rank correlation between forecasts and returns, -1 to +1."""
    rank_ic_se: float | None
    """Its standard error over weeks."""
    hit_rate: float | None
    """Share of forecasts with the right sign, 0 to 1."""
    hit_rate_se: float | None
    """Its standard error over weeks."""


@dataclass(frozen=True, slots=True)
class ForecasterNote:
    """One forecaster: which version spoke this week, who listens to it, and its record."""

    name: str
    version: str
    """Empty when there is none."""
    trained_until: date | None
    """Last day that its training saw."""
    failure: str
    """Why it gave no forecast at all this week; empty when it did."""
    readers: tuple[str, ...]
    """Accounts whose allocator reads it."""
    first_week: str
    """First held-out week, an ISO date; empty when it was not judged."""
    last_week: str
    """Last held-out week, likewise."""
    weeks: int
    """Held-out weeks; 0 when it was not judged."""
    skill: tuple[SkillLine, ...]
    """The forecaster first, then what stands beside it; empty when it was not judged."""
    verdict: str
    """What the skill check says, one plain sentence; empty when it was not judged."""


@dataclass(frozen=True, slots=True)
class OneForecast:
    """One forecaster's word on one name. None is no forecast, and stays so."""

    weekly_return: float | None
    """Simple return over the five sessions after the decision, close to close."""
    direction: str
    """`UP`, `FLAT` or `DOWN`; empty without a forecast."""
    reason: str
    """Why there is no forecast; empty when there is one."""


@dataclass(frozen=True, slots=True)
class NameForecast:
    """One screened name."""

    symbol: str
    forecasts: tuple[OneForecast, ...]
    """One for each forecaster, in the summary's order."""


@dataclass(frozen=True, slots=True)
class MissingForecasts:
    """Names that have no forecast for the same reason."""

    symbols: tuple[str, ...]
    forecasters: tuple[str, ...]
    """Who gave none; empty when nobody did who forecast at all."""
    reason: str


@dataclass(frozen=True, slots=True)
class ForecastSummary:
    """Forecasts of a week; without forecasters the report is silent about them."""

    forecasters: tuple[ForecasterNote, ...]
    names: tuple[NameForecast, ...]
    """The screened names."""

    @property
    def speaking(self) -> tuple[int, ...]:
        """Positions of the forecasters that gave at least one forecast."""
        return tuple(
            place
            for place in range(len(self.forecasters))
            if any(name.forecasts[place].weekly_return is not None for name in self.names)
        )

    @property
    def missing(self) -> tuple[MissingForecasts, ...]:
        """The gaps of forecasters that did not fail as a whole, those with the same reason together."""
        asked = [place for place, note in enumerate(self.forecasters) if not note.failure]
        groups: dict[tuple[tuple[str, ...], str], list[str]] = {}
        for name in self.names:
            for reason, silent in _reasons(name, asked).items():
                whose = () if silent == asked else tuple(self.forecasters[place].name for place in silent)
                groups.setdefault((whose, reason), []).append(name.symbol)
        return tuple(MissingForecasts(tuple(symbols), *key) for key, symbols in groups.items())

    @property
    def caveats(self) -> tuple[str, ...]:
        """Who failed, whom nobody listens to, and how many names have no forecast."""
        failures = (
            f"{note.name} made no forecast this week: {note.failure}" for note in self.forecasters if note.failure
        )
        return tuple(filter(None, (*failures, self._unread(), self._gaps())))

    def _unread(self) -> str:
        unread = [note.name for note in self.forecasters if not note.readers]
        if not unread:
            return ""
        if len(unread) == len(self.forecasters):
            return "No account reads the forecasts yet: no weight depends on them."
        these = "it" if len(unread) == 1 else "them"
        return f"No account reads {' and '.join(unread)} yet: no weight depends on {these}."

    def _gaps(self) -> str:
        missing = self.missing
        if not missing:
            return ""
        number = len({symbol for gap in missing for symbol in gap.symbols})
        names = f"{number} of {count(len(self.names), 'name')} {'lacks' if number == 1 else 'lack'} a forecast"
        reasons = {gap.reason for gap in missing}
        return f"{names}: {reasons.pop()}" if len(reasons) == 1 else f"{names}; the reasons stand below the forecasts."


def _reasons(name: NameForecast, asked: list[int]) -> dict[str, list[int]]:
    """Reason → positions of the forecasters that gave it instead of a forecast."""
    found: dict[str, list[int]] = {}
    for place in asked:
        one = name.forecasts[place]
        if one.weekly_return is None:
            found.setdefault(one.reason or NO_REASON, []).append(place)
    return found
