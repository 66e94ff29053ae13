"""A candidate policy: trained for a Monday, judged beside the version in use and the baselines, perhaps put in use."""

from dataclasses import dataclass

import numpy as np
from safetensors.torch import save

from learnfinance_dagster.allocation.rl.card import CONFIG, METADATA, OBSERVER, WEIGHTS, PolicyCard, policy_card
from learnfinance_dagster.allocation.rl.history import PolicyHistory
from learnfinance_dagster.allocation.rl.path import Path
from learnfinance_dagster.allocation.rl.policy import load_policy, policy_of
from learnfinance_dagster.allocation.rl.recipe import PolicyRequest, Recipe
from learnfinance_dagster.allocation.rl.training import Trained, train
from learnfinance_dagster.allocation.rl.verdict import judged_card, walked
from learnfinance_dagster.allocation.rl.workshop import PolicyWorkshop
from learnfinance_dagster.documents import to_json
from learnfinance_dagster.errors import RefusedError
from learnfinance_dagster.in_use import put_in_use, unfinished
from learnfinance_dagster.ports import ModelFiles, Trial
from learnfinance_dagster.trials import record


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
        DataError: too little history, no forecast in it, or a version to begin with that does not fit.
        LookAheadError: the history knows what the Monday's decision cannot know.
        RefusedError: meanwhile another version was put in use, beside which it cannot be judged; the message says what
            to do.
    """
    recipe = Recipe.of(request, workshop)
    store, name, version = workshop.store, request.spec.name, recipe.version
    if store.has(name, version):
        with store.deciding(name):
            _finish(recipe)
        return _shown(recipe)
    trained = train(recipe.order())
    policy = policy_of(request.spec.algorithm, recipe.observer, trained.weights, recipe.numbers["width"])
    with store.deciding(name):
        recipe = recipe.with_what_is_in_use_now()
        if store.has(name, version):  # another process was asked the same
            return _shown(recipe)
        path = walked(recipe, policy)
        card = judged_card(recipe, trained, policy, path)
        workshop.checkpoints.save(unfinished(name, version), b"")
        record(_trial(card), workshop.register)
        store.write(name, version, _files(recipe, trained, card))
        put_in_use(store, workshop.checkpoints, name, card, policy_card)
    return MadePolicy(card, is_cached=False, path=path, history=recipe.judged)


def _finish(recipe: Recipe) -> None:
    """Put in use what was killed just before that.

    Raises:
        RefusedError: another version has been put in use since, beside which it was never judged.
    """
    store, name, checkpoints = recipe.workshop.store, recipe.request.spec.name, recipe.workshop.checkpoints
    if checkpoints.load(unfinished(name, recipe.version)) is None:
        return
    card, now = policy_card(store.read(name, recipe.version)), recipe.in_use_now()
    if card.promoted and now and now.version not in (card.version, card.replaced) and now.serves <= card.serves:
        msg = (
            f"{card.version} was promoted over {card.replaced or 'nobody'} and killed before it was in use; meanwhile"
            f" {now.version} is: python -m learnfinance_dagster models use {name} {card.version} puts it in use"
        )
        raise RefusedError(msg)
    put_in_use(store, checkpoints, name, card, policy_card)


def _shown(recipe: Recipe) -> MadePolicy:
    """It was made before, on the weeks that judged it then; what is in use may have changed since."""
    files = recipe.workshop.store.read(recipe.request.spec.name, recipe.version)
    card = policy_card(files)
    then = recipe.judging(card.weekly_excess)
    return MadePolicy(card, is_cached=True, path=walked(then, load_policy(files)), history=then.judged)


def _files(recipe: Recipe, trained: Trained, card: PolicyCard) -> ModelFiles:
    config = {"algorithm": card.algorithm, "forecaster": card.forecaster, **card.configuration}
    return {
        WEIGHTS: save(trained.weights),
        OBSERVER: to_json(recipe.observer.to_document()).encode(),
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
