"""Hierarchical risk parity (López de Prado, 2016) through PyPortfolioOpt: no expected returns, no inversion."""

import pandas as pd

from learnfinance_dagster.allocation.allocator import AllocationInputs, Allocator, RawAllocation
from learnfinance_dagster.parameters import AllocationParameters

FLAT = 1e-12
"""A daily standard deviation below this is a constant price: its correlation is undefined."""


def hrp(inputs: AllocationInputs, parameters: AllocationParameters) -> RawAllocation:
    """Weigh by HRP on the last `lookback_returns` daily returns; each name needs `min_returns` of them.

    Covariance and correlation are pairwise complete, so one short history does not shorten the others. Names are
    clustered in alphabetical order: where the tree leaves a choice, the order of the columns would decide it.
    """
    window = inputs.returns.tail(parameters.lookback_returns)
    excluded = {symbol: _why_unusable(window, symbol, parameters.min_returns) for symbol in inputs.symbols}
    excluded = {symbol: reason for symbol, reason in excluded.items() if reason}
    usable = window[sorted(symbol for symbol in inputs.symbols if symbol not in excluded)]
    usable, unpaired = _drop_unpaired(usable, parameters.min_returns)
    excluded |= unpaired
    provenance = {
        "method": "HRP, PyPortfolioOpt, single linkage, sample covariance",
        "returns": f"{len(window)} days to {window.index[-1]}" if len(window) else "none",
    }
    return RawAllocation(hrp_weights(usable), excluded, provenance)


def hrp_weights(returns: pd.DataFrame) -> dict[str, float]:
    """HRP weights of a returns table (dates by symbols); sums to one, empty for no columns."""
    if returns.shape[1] < 2:  # noqa: PLR2004 - a tree needs two leaves
        return dict.fromkeys(returns.columns, 1.0)
    from pypfopt import HRPOpt

    return {str(symbol): float(weight) for symbol, weight in HRPOpt(returns).optimize(linkage_method="single").items()}


def _why_unusable(window: pd.DataFrame, symbol: str, min_returns: int) -> str:
    if symbol not in window.columns:
        return "no bars"
    series = window[symbol].dropna()
    if len(series) < min_returns:
        return f"{len(series)} returns, {min_returns} are needed"
    if series.std() < FLAT:
        return "constant price"
    return ""


def _drop_unpaired(returns: pd.DataFrame, min_common: int) -> tuple[pd.DataFrame, dict[str, str]]:
    """Leave out names that share too few days with another for a correlation.

    First the one that lacks most partners; of equals the one with the shorter history, so that nobody goes for a
    newcomer's sake.
    """
    excluded: dict[str, str] = {}
    while (missing := returns.corr(min_periods=min_common).isna().sum()).any():
        ranking = pd.DataFrame({"missing": -missing, "days": returns.count(), "symbol": returns.columns})
        worst = str(ranking.sort_values(["missing", "days", "symbol"]).index[0])
        excluded[worst] = f"no correlation with another name on {min_common} common days"
        returns = returns.drop(columns=worst)
    return returns, excluded


HRP = Allocator(
    name="hrp",
    summary="Hierarchical risk parity: similar names share one risk budget, calm names get more.",
    reads=("screened_universe", "daily_bars"),
    method=hrp,
)
