"""What a candidate did in the weeks that judge it, beside the version in use and the baselines, and what is decided."""

from dataclasses import replace

import numpy as np

from learnfinance_dagster.allocation.rl.algorithm import PolicySpec
from learnfinance_dagster.allocation.rl.behaviour import behaviour_of, conditions_of
from learnfinance_dagster.allocation.rl.card import PolicyCard
from learnfinance_dagster.allocation.rl.episodes import World
from learnfinance_dagster.allocation.rl.history import history_of
from learnfinance_dagster.allocation.rl.observation import READ, Observer
from learnfinance_dagster.allocation.rl.path import Path, equal_weight_path, policy_path, weights_path
from learnfinance_dagster.allocation.rl.policy import Policy, load_policy, policy_of
from learnfinance_dagster.allocation.rl.recipe import Recipe, in_use
from learnfinance_dagster.allocation.rl.state import LAYOUT
from learnfinance_dagster.allocation.rl.training import Trained, untrained
from learnfinance_dagster.allocation.rl.workshop import code_hash
from learnfinance_dagster.evaluation.gate import Condition, Contender, GateDecision, GateRule, judge, learned

EQUAL_WEIGHT, HRP = "equal_weight", "hrp"


def walked(recipe: Recipe, policy: Policy) -> Path:
    """What a policy of this allocator would have held in the judged weeks."""
    return policy_path(policy, _world(recipe, recipe.request.spec, policy.observer))


def judged_card(recipe: Recipe, trained: Trained, policy: Policy, path: Path) -> PolicyCard:
    """Judge, and write down everything."""
    request, spec = recipe.request, recipe.request.spec
    world = _world(recipe, spec, recipe.observer)
    plain, hrp = equal_weight_path(world), weights_path(world, world.history.hrp)
    others = {EQUAL_WEIGHT: plain.weights, HRP: world.history.hrp, **_peers(recipe)}
    behaviour = behaviour_of(policy, path, world, others, np.random.default_rng(request.seed))
    excess = path.returns - plain.returns
    return PolicyCard(
        allocator=spec.name,
        algorithm=spec.algorithm.name,
        forecaster=spec.forecaster,
        version=recipe.version,
        kind=recipe.kind,
        serves=request.week.monday,
        known_until=request.week.last_session,
        trained_on=recipe.split.trained_on,
        seen=recipe.split.seen,
        layout=LAYOUT,
        features=READ,
        names=recipe.history.name.shape[1],
        configuration=recipe.numbers,
        seed=request.seed,
        device=recipe.workshop.device,
        start=recipe.begun.version if recipe.begun else "",
        data_hash=recipe.data_hash,
        code_hash=code_hash(),
        config_hash=recipe.config_hash,
        fingerprint=recipe.fingerprint,
        certificate=recipe.vouched,
        curve=trained.curve,
        reward_parts=trained.reward_parts,
        behaviour=behaviour,
        decision=_decided(
            recipe, path, plain, hrp, (_trusted(recipe), *conditions_of(behaviour), *_learned(recipe, policy))
        ),
        weekly_excess=dict(zip(world.history.mondays.astype(str).tolist(), excess.tolist(), strict=True)),
        software=dict(recipe.workshop.software),
    )


def _world(recipe: Recipe, spec: PolicySpec, observer: Observer) -> World:
    """The judged weeks as an allocator sees them."""
    history = history_of(recipe.request.rows, spec.forecaster)[recipe.split.judged]
    return World.of(history, observer, recipe.request.rules, recipe.request.costs)


def _decided(recipe: Recipe, path: Path, plain: Path, hrp: Path, conditions: tuple[Condition, ...]) -> GateDecision:
    request, judged, rule = recipe.request, recipe.judged, _rule(recipe)
    baselines = [Contender(EQUAL_WEIGHT, plain.returns, plain.turnover)]
    if not np.isnan(judged.hrp).all():
        baselines.append(Contender(HRP, hrp.returns, hrp.turnover))
    current = None
    if recipe.current:
        policy = load_policy(recipe.workshop.store.read(request.spec.name, recipe.current.version))
        before = walked(recipe, policy)
        current = Contender(recipe.current.version, before.returns, before.turnover)
    candidate = Contender(recipe.version, path.returns, path.turnover)
    return judge(candidate, current, baselines, judged.mondays, rule, request.seed, conditions)


def _rule(recipe: Recipe) -> GateRule:
    settings = recipe.request.settings
    return GateRule(
        recipe.request.spec.algorithm.score,
        settings.significance,
        settings.min_effect,
        settings.block_weeks,
        settings.resamples,
        settings.min_judged_weeks,
    )


def _learned(recipe: Recipe, policy: Policy) -> tuple[Condition, ...]:
    """What is asked of a first version, which has nobody to beat: that its training changed something for the better.

    Equal weight is there besides: a network that never learned holds a little more cash, and where prices rise it would
    be enough to hold less.
    """
    request, level = recipe.request, recipe.request.settings.first_significance
    if recipe.current or level == 1:
        return ()
    world, algorithm = recipe.learned, request.spec.algorithm
    began = untrained(algorithm, recipe.numbers, world, request.seed, recipe.workshop.device)
    paths = {
        recipe.version: policy_path(policy, world),
        "its untrained network": policy_path(
            policy_of(algorithm, recipe.observer, began, recipe.numbers["width"]), world
        ),
        EQUAL_WEIGHT: equal_weight_path(world),
    }
    candidate, *others = (Contender(name, path.returns, path.turnover) for name, path in paths.items())
    return (learned(candidate, others, replace(_rule(recipe), significance=level), request.seed),)


def _peers(recipe: Recipe) -> dict[str, np.ndarray]:
    """Weights of the other learned allocators' versions in use, on the judged weeks."""
    found, store = {}, recipe.workshop.store
    for peer in recipe.request.peers:
        card = in_use(store, peer, recipe.request.week)
        if card is not None and peer.name != recipe.request.spec.name:
            policy = load_policy(store.read(peer.name, card.version))
            found[peer.name] = policy_path(policy, _world(recipe, peer, policy.observer)).weights
    return found


def _trusted(recipe: Recipe) -> Condition:
    """What the gate is told of the certificate."""
    found = recipe.certificate
    if found is None:
        title = recipe.request.spec.algorithm.title
        return Condition("certificate", passed=False, told=f"nobody tried {title}: run the job certify")
    failed = "; ".join(f"{check.name}: {check.told}" for check in found.checks if not check.passed)
    return Condition("certificate", passed=found.passed, told=f"it failed: {failed}" if failed else "passed")
