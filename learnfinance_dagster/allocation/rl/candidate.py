"""A candidate policy: trained for a Monday, judged beside the version in use and the baselines, perhaps put in use."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from safetensors.torch import save

from learnfinance_dagster.allocation.rl.algorithm import PolicySpec
from learnfinance_dagster.allocation.rl.behaviour import behaviour_of, conditions_of
from learnfinance_dagster.allocation.rl.card import CONFIG, METADATA, OBSERVER, WEIGHTS, PolicyCard, policy_card
from learnfinance_dagster.allocation.rl.certificate import certificate_version
from learnfinance_dagster.allocation.rl.certified import certificate_in, model_of
from learnfinance_dagster.allocation.rl.episodes import Noise, World
from learnfinance_dagster.allocation.rl.experience import Experience, Reward
from learnfinance_dagster.allocation.rl.history import PolicyHistory, history_of
from learnfinance_dagster.allocation.rl.lived import Transition, transitions
from learnfinance_dagster.allocation.rl.observation import READ, Observer
from learnfinance_dagster.allocation.rl.path import Path, equal_weight_path, policy_path, weights_path
from learnfinance_dagster.allocation.rl.policy import Policy, load_policy, policy_of
from learnfinance_dagster.allocation.rl.split import Split, fine_tune_split, full_split
from learnfinance_dagster.allocation.rl.state import LAYOUT
from learnfinance_dagster.allocation.rl.training import Order, Trained, train
from learnfinance_dagster.allocation.rl.workshop import PolicyWorkshop, code_hash, data_hash
from learnfinance_dagster.costs import CostModel
from learnfinance_dagster.documents import to_json
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.evaluation.gate import Condition, Contender, GateDecision, GateRule, judge
from learnfinance_dagster.fingerprints import fingerprint, version_name
from learnfinance_dagster.in_use import promoted_for, put_in_use, unfinished
from learnfinance_dagster.model_files import tensors
from learnfinance_dagster.parameters import AllocationParameters, PolicyParameters
from learnfinance_dagster.ports import ModelFiles, Trial, TrialKind
from learnfinance_dagster.trials import record
from learnfinance_dagster.values import Week

EQUAL_WEIGHT, HRP = "equal_weight", "hrp"


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
class MadePolicy:
    """A version, whether it was there already, and what it held in the judged weeks."""

    card: PolicyCard
    is_cached: bool
    path: Path
    history: PolicyHistory
    """The judged weeks."""

    def held(self) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
        """(T,) Mondays, (T, N) weights and N names, of the judged weeks."""
        weights = np.zeros((len(self.history), len(self.history.symbols)))
        week, slot = np.nonzero(self.history.mask)
        weights[week, self.history.name[week, slot]] = self.path.weights[week, slot]
        return self.history.mondays, weights, self.history.symbols


def make_policy(request: PolicyRequest, workshop: PolicyWorkshop) -> MadePolicy:
    """Train, judge, decide, record, store. The same inputs are not trained again; what was decided then is shown.

    Raises:
        DataError: too little history.
    """
    task = _Task.of(request, workshop)
    store, name, version = workshop.store, request.spec.name, task.version
    if store.has(name, version):
        files = store.read(name, version)
        card = policy_card(files)
        if workshop.checkpoints.load(unfinished(name, version)) is not None:
            put_in_use(store, workshop.checkpoints, name, card, policy_card)
        return MadePolicy(card, is_cached=True, path=task.walked(load_policy(files)), history=task.judged)
    trained = train(task.order())
    policy = policy_of(request.spec.algorithm, task.observer, trained.weights, task.numbers["width"])
    path = task.walked(policy)
    card = task.card(trained, policy, path)
    workshop.checkpoints.save(unfinished(name, version), b"")
    record(_trial(card), workshop.register)
    store.write(name, version, _files(task, trained, card))
    put_in_use(store, workshop.checkpoints, name, card, policy_card)
    return MadePolicy(card, is_cached=False, path=path, history=task.judged)


@dataclass(frozen=True, slots=True)
class _Task:
    """One training, before it is done."""

    request: PolicyRequest
    workshop: PolicyWorkshop
    history: PolicyHistory
    current: PolicyCard | None
    start: ModelFiles | None
    split: Split
    numbers: dict[str, Any]
    observer: Observer
    lived: tuple[Transition, ...]

    @classmethod
    def of(cls, request: PolicyRequest, workshop: PolicyWorkshop) -> "_Task":
        """Decide what is learned, from where, and on what it is judged."""
        spec, settings = request.spec, request.settings
        history = history_of(request.rows, spec.forecaster)
        current = promoted_for(workshop.store, spec.name, request.week, policy_card)
        fine_tune = current is not None and not request.full
        seen = current.seen if current else ()
        split = (fine_tune_split if fine_tune else full_split)(history, settings, seen)
        _check_judged(split, settings, spec.name)
        start = workshop.store.read(spec.name, current.version) if current and fine_tune else None
        learned = history[split.training]
        observer = load_policy(start).observer if start else Observer.fit(learned)
        clear = World.of(learned, observer, request.rules, request.costs)
        baseline = dict(zip(learned.mondays.astype(str).tolist(), clear.baseline.tolist(), strict=True))
        return cls(
            request=request,
            workshop=workshop,
            history=history,
            current=current,
            start=start,
            split=split,
            numbers=spec.algorithm.numbers(settings.profile, settings.max_steps, fine_tune=fine_tune),
            observer=observer,
            lived=transitions(request.lived, observer, clear.scale, baseline, clear.slots),
        )

    @property
    def judged(self) -> PolicyHistory:
        """The weeks that judge."""
        return self.history[self.split.judged]

    @property
    def kind(self) -> TrialKind:
        """From random weights or from the version in use."""
        return TrialKind.FINE_TUNE if self.start else TrialKind.TRAINING

    @property
    def config_hash(self) -> str:
        """Of everything but data and code."""
        settings, rules = self.request.settings, self.request.rules
        return fingerprint(
            {
                "numbers": self.numbers,
                "settings": settings.model_dump(exclude={"device", "bad_weeks"}),
                "rules": {"max_weight": rules.max_weight, "min_cash": rules.min_cash},
                "cost": self.request.costs.bps_per_side,
                "start": self.current.fingerprint if self.current and self.start else "",
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
        """The same fingerprint is the same training."""
        return fingerprint(
            {
                "policy": self.request.spec.name,
                "kind": self.kind.value,
                "config": self.config_hash,
                "data": self.data_hash,
                "code": code_hash(),
                "seed": self.request.seed,
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
        return Order(
            algorithm=spec.algorithm,
            numbers=self.numbers,
            world=World.of(learned, self.observer, rules, costs, noise=noise),
            clear=World.of(learned, self.observer, rules, costs),
            observer=self.observer,
            seed=request.seed,
            key=f"{spec.name}-{self.version}",
            checkpoints=self.workshop.checkpoints,
            device=self.workshop.device,
            start=tensors(self.start) if self.start else None,
            lived=self.lived,
            say=lambda progress: self.workshop.say(f"{spec.name} {self.version}", progress),
        )

    def world(self, spec: PolicySpec, observer: Observer) -> World:
        """The judged weeks as another allocator sees them."""
        history = history_of(self.request.rows, spec.forecaster)[self.split.judged]
        return World.of(history, observer, self.request.rules, self.request.costs)

    def walked(self, policy: Policy) -> Path:
        """What a policy of this allocator would have held in the judged weeks."""
        return policy_path(policy, self.world(self.request.spec, policy.observer))

    def card(self, trained: Trained, policy: Policy, path: Path) -> PolicyCard:
        """Judge, and write down everything."""
        request, spec = self.request, self.request.spec
        world = self.world(spec, self.observer)
        plain, hrp = equal_weight_path(world), weights_path(world, world.history.hrp)
        others = {EQUAL_WEIGHT: plain.weights, HRP: world.history.hrp, **self._peers()}
        behaviour = behaviour_of(policy, path, world, others, np.random.default_rng(request.seed))
        certificate, vouched = self._certificate()
        excess = path.returns - plain.returns
        return PolicyCard(
            allocator=spec.name,
            algorithm=spec.algorithm.name,
            forecaster=spec.forecaster,
            version=self.version,
            kind=self.kind,
            serves=request.week.monday,
            known_until=request.week.last_session,
            trained_on=self.split.trained_on,
            seen=self.split.seen,
            layout=LAYOUT,
            features=READ,
            names=self.history.name.shape[1],
            configuration=self.numbers,
            seed=request.seed,
            device=self.workshop.device,
            start=self.current.version if self.current and self.start else "",
            data_hash=self.data_hash,
            code_hash=code_hash(),
            config_hash=self.config_hash,
            fingerprint=self.fingerprint,
            certificate=certificate,
            curve=trained.curve,
            reward_parts=trained.reward_parts,
            behaviour=behaviour,
            decision=self._decided(path, plain, hrp, (vouched, *conditions_of(behaviour))),
            weekly_excess=dict(zip(world.history.mondays.astype(str).tolist(), excess.tolist(), strict=True)),
            software=dict(self.workshop.software),
        )

    def _decided(self, path: Path, plain: Path, hrp: Path, conditions: tuple[Condition, ...]) -> GateDecision:
        settings, judged = self.request.settings, self.judged
        rule = GateRule(
            self.request.spec.algorithm.score,
            settings.significance,
            settings.min_effect,
            settings.block_weeks,
            settings.resamples,
            settings.min_judged_weeks,
        )
        baselines = [Contender(EQUAL_WEIGHT, plain.returns, plain.turnover)]
        if not np.isnan(judged.hrp).all():
            baselines.append(Contender(HRP, hrp.returns, hrp.turnover))
        current = None
        if self.current:
            policy = load_policy(self.workshop.store.read(self.request.spec.name, self.current.version))
            walked = self.walked(policy)
            current = Contender(self.current.version, walked.returns, walked.turnover)
        candidate = Contender(self.version, path.returns, path.turnover)
        return judge(candidate, current, baselines, judged.mondays, rule, self.request.seed, conditions)

    def _peers(self) -> dict[str, np.ndarray]:
        """Weights of the other learned allocators' versions in use, on the judged weeks."""
        found = {}
        for peer in self.request.peers:
            card = promoted_for(self.workshop.store, peer.name, self.request.week, policy_card)
            if card is not None and peer.name != self.request.spec.name:
                policy = load_policy(self.workshop.store.read(peer.name, card.version))
                found[peer.name] = policy_path(policy, self.world(peer, policy.observer)).weights
        return found

    def _certificate(self) -> tuple[str, Condition]:
        """The certificate of this trainer, if it passed, and what the gate is told of it."""
        request, algorithm = self.request, self.request.spec.algorithm
        version = certificate_version(algorithm, request.settings, request.rules, request.costs)
        if not self.workshop.store.has(model_of(algorithm), version):
            return "", Condition(
                "certificate", passed=False, told=f"nobody tried {algorithm.title}: run the job certify"
            )
        found = certificate_in(self.workshop.store.read(model_of(algorithm), version))
        failed = "; ".join(f"{check.name}: {check.told}" for check in found.checks if not check.passed)
        told = f"it failed: {failed}" if failed else "passed"
        return (version if found.passed else ""), Condition("certificate", passed=found.passed, told=told)


def _check_judged(split: Split, settings: PolicyParameters, name: str) -> None:
    least = 2 * settings.block_weeks
    if len(split.judged) < least:
        msg = (
            f"only {len(split.judged)} weeks are left of which {name} and what it begins with know nothing, and {least}"
            f" are needed: train it in full (config full: true of {name}_policy)"
        )
        raise DataError(msg)


def _files(task: _Task, trained: Trained, card: PolicyCard) -> ModelFiles:
    config = {"algorithm": card.algorithm, "forecaster": card.forecaster, **card.configuration}
    return {
        WEIGHTS: save(trained.weights),
        OBSERVER: to_json(task.observer.to_document()).encode(),
        CONFIG: to_json(config).encode(),
        METADATA: card.content(),
    }


def _trial(card: PolicyCard) -> Trial:
    decision = card.decision
    told = decision.rows.get("candidate") if decision else None
    return Trial(
        model=card.allocator,
        version=card.version,
        kind=card.kind,
        serves=card.serves,
        config_hash=card.config_hash,
        data_hash=card.data_hash,
        code_hash=card.code_hash,
        seeds=(card.seed,),
        result={"sharpe": told.sharpe.value, "cagr": told.cagr.value, "weeks": float(told.weeks)} if told else {},
        promoted=card.promoted,
        reason=decision.reason if decision else "",
    )
