"""Who a market directory says it is: `market.json`, or what can be said without one."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.ports import MarketInfo, PriceBasis

FILE = "market.json"
SPLIT_ADJUSTED = "prices are split-adjusted to the end of the file"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `market.json` declares."""

    name: str
    is_practice: bool
    price_basis: PriceBasis
    caveats: tuple[str, ...] = ()
    is_written: bool = True
    """False where there is no `market.json`."""


def read_manifest(directory: Path) -> Manifest:
    """Read `market.json`; keys that nobody asks for are left alone.

    Raises:
        DataError: it is no JSON object, or a key is missing or has a value outside its choices.
    """
    try:
        declared = json.loads((directory / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        name = f"market directory {directory.resolve().name}"
        return Manifest(name, is_practice=False, price_basis=PriceBasis.SPLIT_ADJUSTED, is_written=False)
    except (OSError, ValueError) as error:
        msg = f"{FILE} cannot be read as JSON: {error}"
        raise DataError(msg) from error
    if not isinstance(declared, dict):
        msg = f"{FILE} must hold an object, found {declared!r}"
        raise DataError(msg)
    name = declared.get("name")
    if not isinstance(name, str) or not name.strip():
        msg = f"{FILE}, key name: must be a text, found {name!r}"
        raise DataError(msg)
    kind = _choice(declared, "kind", ("practice", "real"))
    basis = PriceBasis(_choice(declared, "price_basis", tuple(PriceBasis)))
    caveats = declared.get("caveats", [])
    if not isinstance(caveats, list) or not all(isinstance(caveat, str) for caveat in caveats):
        msg = f"{FILE}, key caveats: must be a list of texts, found {caveats!r}"
        raise DataError(msg)
    return Manifest(name, kind == "practice", basis, tuple(caveats))


def _choice(declared: dict[str, Any], key: str, choices: tuple[str, ...]) -> str:
    value = declared.get(key)
    if value not in choices:
        msg = f"{FILE}, key {key}: must be one of {', '.join(choices)}, found {value!r}"
        raise DataError(msg)
    return value


def describe(manifest: Manifest, bars: pd.DataFrame, membership: pd.DataFrame | None) -> MarketInfo:
    """The manifest with the span of the bars; without a `market.json`, also with what can be measured against it."""
    first, last = bars["date"].min(), bars["date"].max()
    caveats = manifest.caveats
    if not manifest.is_written:
        caveats = (SPLIT_ADJUSTED, *_survivorship(bars, membership))
    return MarketInfo(manifest.name, manifest.is_practice, manifest.price_basis, first, last, caveats)


def _survivorship(bars: pd.DataFrame, membership: pd.DataFrame | None) -> tuple[str, ...]:
    if membership is None:
        return ()
    members = set(membership.loc[membership["start_date"] <= bars["date"].max(), "symbol"])
    present = members & set(bars["symbol"].unique())
    if present == members:
        return ()
    counts = f"bars exist for {len(present):,} of {len(members):,} names that were ever index members"
    return (f"survivorship: {counts}; names that left are missing",)
