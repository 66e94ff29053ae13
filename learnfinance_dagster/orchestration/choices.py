"""What whoever launches a run may say about trading: `resources.trading.config` in the run's configuration."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
from pydantic import Field

NAME = "trading"
"""Of the resource."""


class TradingChoices(dg.ConfigurableResource):
    """Declared by the steps that trade, so that the launchpad shows and checks it; `chosen` reads it for all steps."""

    dry_run: bool = Field(
        default=False, description="compute everything and show what would be sent; send and record nothing"
    )
    confirm_real_money: str = Field(
        default="",
        description="the week, e.g. 2025-12-29, whose real-money orders you confirm; the schedule does so by itself",
    )


@dataclass(frozen=True, slots=True)
class RunChoices:
    """What a run's configuration says."""

    dry_run: bool = False
    confirm_real_money: str = ""


def chosen(run_config: Mapping[str, Any] | None) -> RunChoices:
    """What the run's configuration says, as it was launched: the same for each of its steps.

    Only plain words count. What is anything but a plain `false` is a dry run, and what is no plain text confirms
    nothing: a reference to a variable may mean something else on another machine.
    """
    said = (((run_config or {}).get("resources") or {}).get(NAME) or {}).get("config") or {}
    confirmed = said.get("confirm_real_money", "")
    return RunChoices(said.get("dry_run", False) is not False, confirmed if isinstance(confirmed, str) else "")


def config_of(choices: RunChoices) -> dict[str, Any]:
    """The part of a run's configuration that says this."""
    said = {"dry_run": choices.dry_run, "confirm_real_money": choices.confirm_real_money}
    return {"resources": {NAME: {"config": said}}}
