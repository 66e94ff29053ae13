"""Whom the gate takes for a first version: `python benchmarks/studies/first_version.py [--trained 3]`.

Made-up worlds: 15 names a week, news' tone correlated with next week's own return, or not at all. Networks that never
learned, of many seeds, and short real trainings are asked two questions. Is it not worse than equal weight and HRP
beyond chance in the 104 weeks that judge (nothing else was asked before)? And did it learn: does it beat its untrained
network and equal weight in its training weeks?
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

from learnfinance_dagster.allocation.rl.algorithm import ALGORITHMS, Algorithm  # noqa: E402 - the path comes first
from learnfinance_dagster.allocation.rl.episodes import Noise, World  # noqa: E402 - as above
from learnfinance_dagster.allocation.rl.observation import Observer  # noqa: E402 - as above
from learnfinance_dagster.allocation.rl.path import equal_weight_path, policy_path, weights_path  # noqa: E402 - as above
from learnfinance_dagster.allocation.rl.policy import Policy, policy_of  # noqa: E402 - as above
from learnfinance_dagster.allocation.rl.training import Order, train, untrained  # noqa: E402 - as above
from learnfinance_dagster.allocation.rl.worlds import made_up_history  # noqa: E402 - as above
from learnfinance_dagster.costs import CostModel  # noqa: E402 - as above
from learnfinance_dagster.evaluation.gate import Contender, GateRule, judge, learned  # noqa: E402 - as above
from learnfinance_dagster.parameters import AllocationParameters, PolicyParameters  # noqa: E402 - as above
from resources.models.checkpoints import FileCheckpoints  # noqa: E402 - as above

JUDGED, SLOTS, NAMES = 104, 15, 40
SETTINGS, RULES, COSTS = PolicyParameters(), AllocationParameters(), CostModel()


class Scene:
    """One made-up past, in two parts."""

    def __init__(self, weeks: int, signal: float, seed: int) -> None:
        """Draw it."""
        history = made_up_history(weeks + 1 + JUDGED, SLOTS, NAMES, seed, signal=signal, clairvoyant=False)
        self.observer = Observer.fit(history[:weeks])
        self.learned, self.judged = (
            World.of(part, self.observer, RULES, COSTS) for part in (history[:weeks], history[weeks + 1 :])
        )

    def fresh(self, algorithm: Algorithm, seed: int) -> Policy:
        """A policy that never learned."""
        numbers = algorithm.numbers("quick", 0, fine_tune=False)
        weights = untrained(algorithm, numbers, self.learned, seed, "cpu")
        return policy_of(algorithm, self.observer, weights, numbers["width"])

    def taught(self, algorithm: Algorithm, seed: int) -> Policy:
        """A policy of the quick profile."""
        numbers = algorithm.numbers("quick", 0, fine_tune=False)
        noise = Noise(numbers["noise"], numbers["variants"], seed)
        world = World.of(self.learned.history, self.observer, RULES, COSTS, noise=noise)
        with tempfile.TemporaryDirectory() as folder:
            kept = FileCheckpoints(Path(folder))
            order = Order(algorithm, numbers, world, self.learned, self.observer, seed, "study", kept)
            weights = train(order).weights
        return policy_of(algorithm, self.observer, weights, numbers["width"])

    def asked(self, algorithm: Algorithm, policy: Policy, began: Policy, resamples: int) -> tuple[bool, bool]:
        """Not worse than the baselines; and whether it learned."""
        rule = GateRule(algorithm.score, SETTINGS.significance, 0.0, SETTINGS.block_weeks, resamples, 52)
        hrp = weights_path(self.judged, self.judged.history.hrp)
        field = {"new": policy_path(policy, self.judged), "equal_weight": equal_weight_path(self.judged), "hrp": hrp}
        new, *baselines = (Contender(name, path.returns, path.turnover) for name, path in field.items())
        before = judge(new, None, baselines, self.judged.history.mondays, rule, 7, [])
        paths = [policy_path(policy, self.learned), policy_path(began, self.learned), equal_weight_path(self.learned)]
        own, *others = (Contender(str(n), path.returns, path.turnover) for n, path in enumerate(paths))
        return before.promoted, learned(own, others, rule, 7).passed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trained", type=int, default=3, help="trainings of each kind")
    parser.add_argument("--untrained", type=int, default=200)
    parser.add_argument("--resamples", type=int, default=500)
    parser.add_argument("--weeks", type=int, default=156, help="to learn from")
    options = parser.parse_args()
    print("| algorithm | candidate | signal | tried | not worse than the baselines | and learned |")
    print("|---|---|---|---|---|---|")

    def tell(algorithm: Algorithm, kind: str, signal: float, found: list[tuple[bool, bool]]) -> None:
        old, new = np.mean([each[0] for each in found]), np.mean([all(each) for each in found])
        print(f"| {algorithm.name} | {kind} | {signal} | {len(found)} | {old:.0%} | {new:.0%} |", flush=True)

    for algorithm in ALGORITHMS:
        found = []
        for seed in range(options.untrained):
            scene = Scene(options.weeks, 0.0, seed)
            policies = scene.fresh(algorithm, seed + 1000), scene.fresh(algorithm, seed)
            found.append(scene.asked(algorithm, *policies, options.resamples))
        tell(algorithm, "never trained", 0.0, found)
        for signal in (0.15, 0.0):
            found = []
            for seed in range(options.trained):
                scene = Scene(options.weeks, signal, seed)
                policies = scene.taught(algorithm, seed), scene.fresh(algorithm, seed)
                found.append(scene.asked(algorithm, *policies, options.resamples))
            tell(algorithm, "trained", signal, found)


if __name__ == "__main__":
    main()
