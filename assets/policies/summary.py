"""`training_summary`: what came of a Sunday's trainings, written to the outbox as a letter."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg

from assets.narration import Occasion, worded, words_metadata
from assets.reporting import READER
from learnfinance_dagster.allocation.allocator import Allocator
from learnfinance_dagster.allocation.rl.card import Behaviour, PolicyCard
from learnfinance_dagster.allocation.rl.outcome import PolicyOutcome
from learnfinance_dagster.calendar import week_from_key
from learnfinance_dagster.commentary.training import training_letter
from learnfinance_dagster.forecasting.forecaster import Forecaster
from learnfinance_dagster.forecasting.in_use import promoted_for
from learnfinance_dagster.orchestration.failures import COMPLETED, completed, translated
from learnfinance_dagster.orchestration.handles import Artifacts, MarketDoor, Outbox, Training, Writer
from learnfinance_dagster.orchestration.job_names import TRAINING_JOB
from learnfinance_dagster.orchestration.partitions import TRAINING
from learnfinance_dagster.orchestration.tables import png, stored_type
from learnfinance_dagster.ports import ModelStore, Trial, TrialKind, TrialRegister
from learnfinance_dagster.reporting.post import SENDER
from learnfinance_dagster.reporting.training import (
    Behaved,
    ForecasterTraining,
    NewPolicy,
    PolicyTraining,
    TrainingSummary,
)
from learnfinance_dagster.values import Narration, Week

NAME = "training_summary"
ATTEMPTS = (TrialKind.TRAINING, TrialKind.FINE_TUNE, TrialKind.SWEEP)
"""Trials among which the best is looked for; snapshots and certificates are none."""


def training_summary_asset(allocators: Sequence[Allocator], forecasters: Sequence[Forecaster]) -> dg.AssetsDefinition:
    """The summary of the learned allocators' trainings; one that failed is a box that says why.

    Args:
        allocators: the learned ones; each has an asset `<name>_policy` that stores a `PolicyOutcome`.
        forecasters: those that policies may read; told as they stand.
    """
    summaries = {allocator.name: allocator.summary for allocator in allocators}
    algorithms = {allocator.name: allocator.policy.algorithm.name for allocator in allocators if allocator.policy}

    @dg.asset(
        name=NAME,
        description=(
            "The e-mail about a Sunday's trainings: each policy's new version beside the one in use, HRP and equal"
            " weight on weeks that it did not learn from, whether it took over and why, how it behaves, how many were"
            " tried, and which forecasters are in use. Written to the outbox as .eml and .html. Paper trading only; not"
            " financial advice."
        ),
        ins={f"{name}_policy": dg.AssetIn() for name in summaries},
        partitions_def=TRAINING,
        group_name="training",
        owners=["team:reporting"],
        kinds={"html", "email"},
        dagster_type=stored_type("TrainingSummary", TrainingSummary),
        check_specs=[dg.AssetCheckSpec(COMPLETED, asset=NAME)],
    )
    def training_summary(
        context: dg.AssetExecutionContext,
        market: dg.ResourceParam[MarketDoor],
        outbox: dg.ResourceParam[Outbox],
        training: dg.ResourceParam[Training],
        artifacts: dg.ResourceParam[Artifacts],
        writer: dg.ResourceParam[Writer],
        **found: Any,
    ) -> dg.MaterializeResult:
        from learnfinance_dagster.reporting.training_html import render_training_eml, render_training_html

        with translated(context):
            week = week_from_key(context.partition_key)
            store, register = training.models.open(), training.register.open()
            outcomes: list[PolicyOutcome] = [found[f"{name}_policy"] for name in summaries]
            summary = TrainingSummary(
                week=week,
                market=market.open().info,
                policies=tuple(policy_training(each, summaries, store, register, week) for each in outcomes),
                forecasters=tuple(forecaster_training(each.name, store, register, week) for each in forecasters),
                provenance=(("Software", _software(training.software())),),
            )
            outcome = worded(
                context, writer, lambda: training_letter(summary, algorithms), _occasion(context, week, artifacts)
            )
            summary = replace(summary, words=outcome.value)
            letter = render_training_eml(summary, SENDER, (READER,))
            paths = outbox.put(f"training-{week.key}", letter, render_training_html(summary))
        told = _metadata(summary, *paths) | words_metadata(outcome.value)
        return dg.MaterializeResult(value=summary, metadata=told, check_results=[completed({week.key: outcome})])

    return training_summary


def _occasion(context: dg.AssetExecutionContext, week: Week, artifacts: Artifacts) -> Occasion:
    """Only the Sunday's own run may ask; the same facts are not put into words, and paid for, twice."""

    def earlier() -> Narration | None:
        return artifacts.read(NAME, [week.key]).words if artifacts.has(NAME, week.key) else None

    run = context.run
    may_ask = run.job_name == TRAINING_JOB and "dagster/backfill" not in run.tags
    return Occasion(f"training:{week.key}", may_ask=may_ask, is_final=False, earlier=earlier)


def policy_training(
    outcome: PolicyOutcome, summaries: Mapping[str, str], store: ModelStore, register: TrialRegister, week: Week
) -> PolicyTraining:
    """What the summary tells of one policy.

    Args:
        outcome: what its asset stored.
        summaries: allocator → one line about it.
        store: says which version is in use.
        register: says what was tried.
        week: that the training served.
    """
    name, card = outcome.allocator, outcome.card
    trials = register.trials(name)
    return PolicyTraining(
        name=name,
        summary=summaries[name],
        new=_new(card, is_cached=outcome.is_cached) if card else None,
        failure=outcome.failure,
        in_use=_in_use(card, trials, store.current(name), week),
        trials=_tried(trials, card.version if card else "", week),
    )


def forecaster_training(name: str, store: ModelStore, register: TrialRegister, week: Week) -> ForecasterTraining:
    """What the summary tells of one forecaster, as the week may know it."""
    card = promoted_for(store, name, week)
    trained = [trial for trial in register.trials(name) if trial.kind in ATTEMPTS and trial.serves <= week.monday]
    last = trained[-1] if trained else None
    return ForecasterTraining(
        name=name,
        in_use=card.version if card else "",
        known_until=card.known_until if card else None,
        last_version=last.version if last else "",
        last_serves=last.serves if last else None,
        promoted=last.promoted if last else False,
        reason=last.reason if last else "",
        tried=len(trained),
    )


def _new(card: PolicyCard, *, is_cached: bool) -> NewPolicy:
    return NewPolicy(
        version=card.version,
        kind=card.kind,
        known_until=card.known_until,
        begun_with=card.start,
        first_week=card.trained_on.first,
        last_week=card.trained_on.last,
        is_cached=is_cached,
        certificate=card.certificate,
        behaviour=_behaved(card.behaviour) if card.behaviour else None,
        decision=card.decision,
    )


def _behaved(behaviour: Behaviour) -> Behaved:
    closest = min(behaviour.copies, key=lambda name: (behaviour.copies[name], name), default="")
    return Behaved(
        entropy=behaviour.entropy,
        turnover=behaviour.turnover,
        sensitivity=behaviour.sensitivity,
        closest=closest,
        distance=behaviour.copies.get(closest),
    )


def _in_use(card: PolicyCard | None, trials: Sequence[Trial], current: str | None, week: Week) -> str:
    """The version in use after the week's training, also when the summary is made again later; empty: none."""
    if card and card.decision:
        return card.version if card.promoted else card.decision.current
    known = {trial.version: trial for trial in trials if trial.serves <= week.monday}
    if current in known:
        return current
    return next((version for version, trial in reversed(known.items()) if trial.promoted), "")


def _tried(trials: Sequence[Trial], version: str, week: Week) -> dict[str, int]:
    """Kind → attempts up to and with this version, in the order in which they were recorded; of the others, by week."""
    attempts = [trial for trial in trials if trial.kind in ATTEMPTS]
    places = [place for place, trial in enumerate(attempts, start=1) if trial.version == version]
    counted = attempts[: places[0]] if places else [trial for trial in attempts if trial.serves <= week.monday]
    return dict(Counter(str(trial.kind) for trial in counted))


def _software(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))


def _metadata(summary: TrainingSummary, eml: Path, page: Path) -> dict[str, Any]:
    from learnfinance_dagster.reporting.training_plots import training_picture
    from learnfinance_dagster.reporting.training_text import render_training_text
    from learnfinance_dagster.reporting.training_words import subject

    picture = training_picture(summary)
    return {
        "subject": subject(summary),
        **({"picture": png(picture)} if picture else {}),
        "eml": dg.MetadataValue.path(str(eml)),
        "html": dg.MetadataValue.path(str(page)),
        "text": dg.MetadataValue.md(f"```\n{render_training_text(summary)}\n```"),
    }
