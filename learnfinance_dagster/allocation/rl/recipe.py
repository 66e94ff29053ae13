"""All that a version is made of: which weeks, from where, with which numbers; and the fingerprint of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from learnfinance_dagster.allocation.rl.algorithm import PolicySpec
from learnfinance_dagster.allocation.rl.card import PolicyCard, policy_card
from learnfinance_dagster.allocation.rl.certificate import certificate_version
from learnfinance_dagster.allocation.rl.certified import Certificate, certificate_in, model_of
from learnfinance_dagster.allocation.rl.checks import check_forecasts, check_known, check_size
from learnfinance_dagster.allocation.rl.episodes import Noise, World
from learnfinance_dagster.allocation.rl.experience import Experience, Reward
from learnfinance_dagster.allocation.rl.history import PolicyHistory, history_of
from learnfinance_dagster.allocation.rl.lived import Transition, transitions
from learnfinance_dagster.allocation.rl.observation import Observer
from learnfinance_dagster.allocation.rl.policy import load_policy
from learnfinance_dagster.allocation.rl.split import Split, fine_tune_split, full_split
from learnfinance_dagster.allocation.rl.state import LAYOUT
from learnfinance_dagster.allocation.rl.training import Order
from learnfinance_dagster.allocation.rl.workshop import PolicyWorkshop, code_hash, data_hash
from learnfinance_dagster.costs import CostModel
from learnfinance_dagster.errors import DataError, RefusedError
from learnfinance_dagster.fingerprints import fingerprint, version_name
from learnfinance_dagster.in_use import promoted_for
from learnfinance_dagster.model_files import tensors
from learnfinance_dagster.parameters import AllocationParameters, PolicyParameters
from learnfinance_dagster.ports import ModelFiles, ModelStore, TrialKind
from learnfinance_dagster.values import Week

UNTRAINED = {"device", "bad_weeks", "history_weeks"}
"""Settings that a training does not depend on, or only through its data."""


@dataclass(frozen=True, slots=True)
class PolicyRequest:
    """What a training of one allocator is asked for."""

    spec: PolicySpec
    week: Week
    """The Monday that it will serve first."""
    rows: pd.DataFrame
    """Rows of `schemas.policies.PolicyHistory`, of weeks that were over before that Monday."""
    lived: Sequence[tuple[Experience, Reward]]
    """What the allocator's own account went through, labelled."""
    peers: Sequence[PolicySpec]
    """Other learned allocators, of which it must not be a copy."""
    settings: PolicyParameters
    rules: AllocationParameters
    costs: CostModel
    seed: int
    full: bool
    """From random weights, on all history, whatever is in use."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One training, before it is done."""

    request: PolicyRequest
    workshop: PolicyWorkshop
    history: PolicyHistory
    current: PolicyCard | None
    """The version in use, beside which it is judged."""
    begun: PolicyCard | None
    """The version that it begins with; None: random weights."""
    start: ModelFiles | None
    """Of that version."""
    split: Split
    numbers: dict[str, Any]
    observer: Observer
    lived: tuple[Transition, ...]
    certificate: Certificate | None
    """Of its trainer; None: nobody tried it."""

    @classmethod
    def of(cls, request: PolicyRequest, workshop: PolicyWorkshop) -> "Recipe":
        """Decide what is learned, from where, and on what it is judged.

        Raises:
            DataError: there are too few weeks, none of them has a forecast, or the version to begin with is of another
                size.
            LookAheadError: the history knows a week that was not over before the Monday's decision.
        """
        spec, settings = request.spec, request.settings
        history = history_of(request.rows, spec.forecaster)
        check_known(history, request.week)
        current = in_use(workshop.store, spec, request.week)
        begun = None if request.full else _before(current, workshop.store, request.week)
        numbers = spec.algorithm.numbers(settings.profile, settings.max_steps, fine_tune=begun is not None)
        split = _split(history, request, begun, current)
        if begun:
            check_size(begun, numbers)
        learned = history[split.training]
        check_forecasts((learned, history[split.judged]), spec.forecaster)
        start = workshop.store.read(spec.name, begun.version) if begun else None
        observer = load_policy(start).observer if start else Observer.fit(learned)
        clear = World.of(learned, observer, request.rules, request.costs)
        baseline = dict(zip(learned.mondays.astype(str).tolist(), clear.baseline.tolist(), strict=True))
        return cls(
            request=request,
            workshop=workshop,
            history=history,
            current=current,
            begun=begun,
            start=start,
            split=split,
            numbers=numbers,
            observer=observer,
            lived=transitions(request.lived, observer, clear.scale, baseline, clear.slots),
            certificate=_certificate(request, workshop.store),
        )

    def in_use_now(self) -> PolicyCard | None:
        """The version in use by now."""
        return in_use(self.workshop.store, self.request.spec, self.request.week)

    def with_what_is_in_use_now(self) -> "Recipe":
        """The same training, judged beside the version in use by now. Only while `deciding`.

        Raises:
            RefusedError: with that version in use other weeks would have been learned from, or from elsewhere.
            DataError: as `of`.
        """
        now = self.in_use_now()
        if now == self.current:
            return self
        anew = Recipe.of(self.request, self.workshop)
        if anew.version != self.version:
            msg = (
                f"while {self.version} was trained, {now.version if now else 'no version'} was put in use instead of"
                f" {self.current.version if self.current else 'none'}, beside which it would have learned otherwise:"
                " launch it again"
            )
            raise RefusedError(msg)
        return anew

    def judging(self, mondays: Collection[str]) -> "Recipe":
        """The same, judged on other weeks."""
        weeks = np.flatnonzero(np.isin(self.history.mondays.astype(str), list(mondays)))
        return replace(self, split=replace(self.split, judged=weeks))

    @property
    def judged(self) -> PolicyHistory:
        """The weeks that judge."""
        return self.history[self.split.judged]

    @property
    def learned(self) -> World:
        """The weeks that are learned from, as they were."""
        weeks = self.history[self.split.training]
        return World.of(weeks, self.observer, self.request.rules, self.request.costs)

    @property
    def kind(self) -> TrialKind:
        """From random weights or from another version."""
        return TrialKind.FINE_TUNE if self.begun else TrialKind.TRAINING

    @property
    def vouched(self) -> str:
        """Version of the certificate, where it passed."""
        return self.certificate.version if self.certificate and self.certificate.passed else ""

    @property
    def config_hash(self) -> str:
        """Of everything but data and code."""
        settings, rules = self.request.settings, self.request.rules
        return fingerprint(
            {
                "numbers": self.numbers,
                "settings": settings.model_dump(exclude=UNTRAINED),
                "rules": {"max_weight": rules.max_weight, "min_cash": rules.min_cash},
                "cost": self.request.costs.bps_per_side,
                "start": self.begun.fingerprint if self.begun else "",
                "trained_on": [self.split.trained_on.first, self.split.trained_on.last],
                "layout": LAYOUT,
            }
        )

    @property
    def data_hash(self) -> str:
        """Of history and executed experience."""
        executed = [
            [each.week, each.reward, *(part.tobytes().hex() for part in (each.observation, each.action, each.after))]
            for each in self.lived
        ]
        return fingerprint({"history": data_hash(self.history), "lived": executed})

    @property
    def fingerprint(self) -> str:
        """The same fingerprint is the same training, judged under the same certificate."""
        return fingerprint(
            {
                "policy": self.request.spec.name,
                "kind": self.kind.value,
                "config": self.config_hash,
                "data": self.data_hash,
                "code": code_hash(),
                "seed": self.request.seed,
                "certificate": self.vouched,
            }
        )

    @property
    def version(self) -> str:
        """Its name in the store."""
        return version_name(self.request.week.monday, self.fingerprint)

    def order(self) -> Order:
        """What the trainer is told."""
        request, learned = self.request, self.history[self.split.training]
        spec, rules, costs = request.spec, request.rules, request.costs
        noise = Noise(self.numbers["noise"], self.numbers["variants"], request.seed)
        name = f"{spec.name} {self.version}"
        return Order(
            algorithm=spec.algorithm,
            numbers=self.numbers,
            world=World.of(learned, self.observer, rules, costs, noise=noise),
            clear=self.learned,
            observer=self.observer,
            seed=request.seed,
            key=f"{spec.name}-{self.version}",
            checkpoints=self.workshop.checkpoints,
            device=self.workshop.device,
            start=tensors(self.start) if self.start else None,
            lived=self.lived,
            say=lambda progress: self.workshop.say(name, progress),
        )


def in_use(store: ModelStore, spec: PolicySpec, week: Week) -> PolicyCard | None:
    """The version in use, as far as the week may know it. One that reads another layout decides nothing any more."""
    card = promoted_for(store, spec.name, week, policy_card)
    return card if card and card.layout == LAYOUT else None


def _before(card: PolicyCard | None, store: ModelStore, week: Week) -> PolicyCard | None:
    """The version that was in use before any of that Monday's: what is launched again begins where it began."""
    while card and card.serves >= week.monday:
        card = policy_card(store.read(card.allocator, card.replaced)) if card.replaced else None
    return card if card and card.layout == LAYOUT else None


def _certificate(request: PolicyRequest, store: ModelStore) -> Certificate | None:
    algorithm = request.spec.algorithm
    version = certificate_version(algorithm, request.settings, request.rules, request.costs, request.seed)
    return certificate_in(store.read(model_of(algorithm), version)) if store.has(model_of(algorithm), version) else None


def _split(
    history: PolicyHistory, request: PolicyRequest, begun: PolicyCard | None, current: PolicyCard | None
) -> Split:
    settings, name, seen = request.settings, request.spec.name, current.seen if current else ()
    if begun:
        split = fine_tune_split(history, settings, begun.seen, seen)
        remedy = f"train it in full (config full: true of {name}_policy)"
    else:
        split = full_split(history, settings, seen)
        remedy = f"raise LEARNFINANCE_POLICIES__HELD_OUT_WEEKS (now {settings.held_out_weeks})"
    least = 2 * settings.block_weeks
    if len(split.judged) < least:
        msg = (
            f"only {len(split.judged)} weeks are left of which {name}, what it begins with and what is in use know"
            f" nothing, and {least} are needed: {remedy}"
        )
        raise DataError(msg)
    return split
