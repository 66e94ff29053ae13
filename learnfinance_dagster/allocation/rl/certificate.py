"""Whether a trainer can be trusted: it learns what there is to learn, and nothing where there is nothing.

Both worlds are made up, so the answer is known. In one, next week's returns stand among the inputs: who does not beat
equal weight there cannot learn. In the other, inputs say nothing: who beats equal weight there, before costs, has seen
the future somewhere.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from learnfinance_dagster.allocation.rl.algorithm import Algorithm
from learnfinance_dagster.allocation.rl.behaviour import behaviour_of, conditions_of
from learnfinance_dagster.allocation.rl.certified import CERTIFICATE, Certificate, Excess, certificate_in, model_of
from learnfinance_dagster.allocation.rl.episodes import Noise, World
from learnfinance_dagster.allocation.rl.history import PolicyHistory
from learnfinance_dagster.allocation.rl.observation import Observer
from learnfinance_dagster.allocation.rl.path import equal_weight_path, policy_path
from learnfinance_dagster.allocation.rl.policy import Policy, policy_of
from learnfinance_dagster.allocation.rl.training import Order, train
from learnfinance_dagster.allocation.rl.workshop import PolicyWorkshop, code_hash
from learnfinance_dagster.allocation.rl.worlds import made_up_history
from learnfinance_dagster.costs import CostModel
from learnfinance_dagster.documents import to_json
from learnfinance_dagster.evaluation.gate import Condition
from learnfinance_dagster.fingerprints import SHORT, fingerprint
from learnfinance_dagster.parameters import AllocationParameters, PolicyParameters
from learnfinance_dagster.ports import Trial, TrialKind
from learnfinance_dagster.trials import record
from learnfinance_dagster.values import Week

TRAINING_WEEKS, TEST_WEEKS, SLOTS, NAMES = 312, 208, 15, 40
WIDE = 10.0
"""Standard errors by which the clairvoyant must beat equal weight."""
NOTHING = 3.0
"""Standard errors within which the blind must stay; a sound trainer leaves them once in 370 times."""
FREE = CostModel(0.0)


def certificate_version(
    algorithm: Algorithm, settings: PolicyParameters, rules: AllocationParameters, costs: CostModel, seed: int
) -> str:
    """Names the certificate that these settings, this seed and this code need."""
    return f"c-{_config_hash(algorithm, settings, rules, costs, seed)[:SHORT]}-{code_hash()[:SHORT]}"


def make_certificate(  # noqa: PLR0913 - all that it depends on
    algorithm: Algorithm,
    week: Week,
    settings: PolicyParameters,
    rules: AllocationParameters,
    costs: CostModel,
    seed: int,
    workshop: PolicyWorkshop,
) -> tuple[Certificate, bool]:
    """Train in both worlds and judge; the certificate, and whether it was there already."""
    model, version = model_of(algorithm), certificate_version(algorithm, settings, rules, costs, seed)
    if workshop.store.has(model, version):
        return certificate_in(workshop.store.read(model, version)), True
    told = _World(algorithm, _numbers(algorithm, settings), rules, seed, version, workshop)
    policy, tested = told.taught("clairvoyant", costs, clairvoyant=True)
    path, plain = policy_path(policy, tested), equal_weight_path(tested)
    clairvoyant = _excess(path.returns - plain.returns)
    behaviour = behaviour_of(policy, path, tested, {"equal_weight": plain.weights}, np.random.default_rng(seed))
    policy, tested = told.taught("blind", costs, clairvoyant=False)
    blind = _excess(policy_path(policy, tested).returns - equal_weight_path(tested).returns)
    found = Certificate(
        algorithm=algorithm.name,
        version=version,
        profile=settings.profile,
        config_hash=_config_hash(algorithm, settings, rules, costs, seed),
        code_hash=code_hash(),
        seed=seed,
        clairvoyant=clairvoyant,
        blind=blind,
        behaviour=behaviour,
        checks=(
            Condition("learns what is there", clairvoyant.errors >= WIDE, f"{clairvoyant} when it is told the future"),
            Condition("finds nothing in noise", abs(blind.errors) <= NOTHING, f"{blind} before costs on noise"),
            *conditions_of(behaviour),
        ),
    )
    record(_trial(found, week), workshop.register)
    workshop.store.write(model, version, {CERTIFICATE: to_json(found).encode()})
    return found, False


@dataclass(frozen=True, slots=True)
class _World:
    """Teaches one algorithm."""

    algorithm: Algorithm
    numbers: dict[str, Any]
    rules: AllocationParameters
    seed: int
    version: str
    workshop: PolicyWorkshop

    def taught(self, name: str, costs: CostModel, *, clairvoyant: bool) -> tuple[Policy, World]:
        """A policy, and the weeks after its training; the blind is tested without costs."""
        history = made_up_history(
            TRAINING_WEEKS + TEST_WEEKS, SLOTS, NAMES, self.seed, signal=0.0, clairvoyant=clairvoyant
        )
        learned, tested = history[:TRAINING_WEEKS], history[TRAINING_WEEKS + 1 :]
        observer = Observer.fit(learned)
        weights = train(self._order(name, learned, observer, costs)).weights
        policy = policy_of(self.algorithm, observer, weights, self.numbers["width"])
        return policy, World.of(tested, observer, self.rules, costs if clairvoyant else FREE)

    def _order(self, name: str, learned: PolicyHistory, observer: Observer, costs: CostModel) -> Order:
        clear = World.of(learned, observer, self.rules, costs)
        noise = Noise(float(self.numbers["noise"]), int(self.numbers["variants"]), self.seed)
        return Order(
            algorithm=self.algorithm,
            numbers=self.numbers,
            world=World.of(learned, observer, self.rules, costs, noise=noise),
            clear=clear,
            observer=observer,
            seed=self.seed,
            key=f"{model_of(self.algorithm)}-{self.version}-{name}",
            checkpoints=self.workshop.checkpoints,
            device=self.workshop.device,
            say=lambda progress: self.workshop.say(f"{model_of(self.algorithm)} {name}", progress),
        )


def _numbers(algorithm: Algorithm, settings: PolicyParameters) -> dict[str, Any]:
    """Of the profile, but never for longer than `certificate_steps`: what a trainer finds early it finds late."""
    steps = min(settings.max_steps or algorithm.certificate_steps, algorithm.certificate_steps)
    return algorithm.numbers(settings.profile, steps, fine_tune=False)


def _config_hash(
    algorithm: Algorithm, settings: PolicyParameters, rules: AllocationParameters, costs: CostModel, seed: int
) -> str:
    """A certificate of fewer steps is another one: what failed for want of them must not stay for good.

    So is one of another seed: what passed by the luck of one vouches for no other.
    """
    trained = {name: value for name, value in _numbers(algorithm, settings).items() if name != "leg"}
    told = {"max_weight": rules.max_weight, "min_cash": rules.min_cash, "cost": costs.bps_per_side}
    return fingerprint({"algorithm": algorithm.name, "numbers": trained, "seed": seed, **told})


def _excess(weekly: np.ndarray) -> Excess:
    return Excess(float(weekly.mean()), float(weekly.std(ddof=1) / np.sqrt(len(weekly))))


def _trial(found: Certificate, week: Week) -> Trial:
    return Trial(
        model=f"{found.algorithm}_certificate",
        version=found.version,
        kind=TrialKind.CERTIFICATE,
        serves=week.monday,
        config_hash=found.config_hash,
        data_hash="",
        code_hash=found.code_hash,
        seeds=(found.seed,),
        result={"clairvoyant": found.clairvoyant.mean, "blind": found.blind.mean},
        promoted=False,
        reason="passed" if found.passed else "failed",
    )
