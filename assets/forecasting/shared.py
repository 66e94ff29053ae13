"""What the assets of the stage have in common."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import dagster as dg

from assets.forecasting.signals import loaded
from assets.market_data import every_bar
from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.forecasting.card import Card
from learnfinance_dagster.forecasting.panel import Panel, panel_of
from learnfinance_dagster.forecasting.recipe import Workshop
from learnfinance_dagster.forecasting.skill import Skill, SkillTable
from learnfinance_dagster.orchestration.floor import TradingFloor
from learnfinance_dagster.orchestration.handles import Artifacts, MarketDoor, Parameters, Training
from learnfinance_dagster.orchestration.progress import Teller
from learnfinance_dagster.orchestration.tables import markdown, png


def training_panel(
    context: dg.AssetExecutionContext,
    market: MarketDoor,
    artifacts: Artifacts,
    floor: TradingFloor,
    parameters: Parameters,
    last: date,
) -> Panel:
    """Every session up to `last` of all names to train on, and of the index."""
    bars = every_bar(context, market.open(), artifacts, last, floor.clock())
    forecasting = parameters.forecasting
    wanted = {*forecasting.symbols, forecasting.index}
    unknown = wanted - {forecasting.index} - set(bars["symbol"])
    if unknown:
        msg = f"LEARNFINANCE_FORECASTING__SYMBOLS names {', '.join(sorted(unknown))}, of which the market has no bars"
        raise ConfigurationError(msg)
    names = wanted & set(bars["symbol"]) if forecasting.symbols else None
    return panel_of(bars, sorted(names) if names else None)


@contextmanager
def workshop(
    context: dg.AssetExecutionContext, training: Training, parameters: Parameters, artifacts: Artifacts
) -> Iterator[Workshop]:
    """Where versions are made, telling the run's log how far they are."""
    teller = Teller(context.log.info)
    try:
        yield Workshop(
            training.models.open(),
            training.register.open(),
            training.checkpoints,
            training.software(),
            device_of(parameters.forecasting.device),
            teller,
            lambda forecaster, files, device: loaded(forecaster, files, device, artifacts),
        )
    finally:
        teller.close()


def device_of(choice: str) -> str:
    """Where torch computes.

    Raises:
        ConfigurationError: a GPU is asked for, and torch sees none.
    """
    if choice == "cpu":
        return choice
    import torch

    found = "cuda" if torch.cuda.is_available() else "cpu"
    if choice not in ("auto", found):
        msg = "LEARNFINANCE_FORECASTING__DEVICE=cuda, but torch sees no GPU: set it to auto or cpu"
        raise ConfigurationError(msg)
    return found


def card_metadata(card: Card) -> dict[str, Any]:
    """What the web UI shows of every version."""
    from learnfinance_dagster.forecasting.plots import loss_curve

    best = next(losses for losses in card.history if losses.epoch == card.best_epoch)
    return {
        "version": card.version,
        "data": f"{card.first_session} to {card.known_until}, {len(card.symbols)} names",
        "windows": ", ".join(f"{count} {part}" for part, count in sorted(card.windows.items())),
        "channels": ", ".join(card.channels),
        "begun_with": card.start or "random weights",
        "epochs": len(card.history),
        "best_epoch": card.best_epoch,
        "validation_loss": best.validation,
        "validation_loss_close": best.close,
        "loss_curve": png(loss_curve(card.history, card.best_epoch)),
        "configuration": markdown(["setting", "value"], sorted(card.configuration.items())),
        "data_hash": card.data_hash[:12],
        "code_hash": card.code_hash[:12],
        "software": ", ".join(f"{name} {version}" for name, version in sorted(card.software.items())),
    }


SKILL_HEADER = ("forecast", "MSE / MSE of zero", "rank IC", "hit rate", "weeks")


def skill_rows(table: SkillTable) -> list[tuple[str, ...]]:
    """A skill table in cells, the model first; ± is one standard error over weeks."""
    zero = dict(table.rows)["zero"].mse
    return [(name, *skill_cells(skill, zero)) for name, skill in table.rows]


def skill_cells(skill: Skill, zero_mse: float) -> tuple[str, ...]:
    """One forecast's figures."""
    error = f"{skill.mse / zero_mse:.4f}" if zero_mse else f"{skill.mse:.2e}"
    return error, _cell(skill.rank_ic, skill.rank_ic_se), _cell(skill.hit_rate, skill.hit_rate_se), str(skill.weeks)


def _cell(value: float | None, error: float | None) -> str:
    return "n/a" if value is None or error is None else f"{value:.3f} ± {error:.3f}"
