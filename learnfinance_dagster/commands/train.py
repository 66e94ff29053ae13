"""Candidates of the forecasters for a Monday."""

import sys
from collections.abc import Sequence

import dagster as dg

from learnfinance_dagster.commands.running import run_monday
from learnfinance_dagster.definitions import artifact_store, build
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.forecasting import chosen
from learnfinance_dagster.forecasting.card import Card
from learnfinance_dagster.orchestration.partitions import TRAINING
from learnfinance_dagster.settings import Settings
from learnfinance_dagster.values import Week


def train_all(settings: Settings, names: Sequence[str], week: Week, instance: dg.DagsterInstance) -> bool:
    """One candidate after the other; False as soon as one fails. Each is told in two lines.

    Raises:
        DataError: nobody trains for that week yet, or any more.
        ConfigurationError: there is no such forecaster.
    """
    if not TRAINING.has_partition_key(week.key):
        first, last = TRAINING.get_first_partition_key(), TRAINING.get_last_partition_key()
        msg = f"there is no week {week.key} to train for: they go from {first} to {last}"
        raise DataError(msg)
    job = build(settings).resolve_implicit_global_asset_job_def()
    for forecaster in chosen(names):
        asset = f"{forecaster.name}_model"
        result = run_monday(job, instance, week.key, [asset])
        for line in result.failures:
            sys.stdout.write(f"  {line}\n")
        if result.failures:
            return False
        for line in _told(artifact_store(settings).read(asset, [week.key])):
            sys.stdout.write(f"  {line}\n")
        sys.stdout.flush()
    return True


def _told(card: Card) -> tuple[str, ...]:
    judged, decision = card.evaluation, card.decision
    trained = f"{card.forecaster} {card.version}: {len(card.history)} epochs, {card.windows['train']} windows"
    if judged is None or decision is None:
        return (trained,)
    return trained, f"  {decision.reason}", f"  {judged.skill_told}"
