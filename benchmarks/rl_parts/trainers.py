"""How long trainings take, and one Monday's decision."""

import argparse
import time
from statistics import median

import numpy as np
from rl_parts.nothing import Forgetful

from learnfinance_dagster.allocation.rl.algorithm import ALGORITHMS, Algorithm
from learnfinance_dagster.allocation.rl.episodes import Noise, World
from learnfinance_dagster.allocation.rl.observation import Observer
from learnfinance_dagster.allocation.rl.policy import policy_of
from learnfinance_dagster.allocation.rl.state import FEATURES, PolicyState
from learnfinance_dagster.allocation.rl.training import Order, Trained, train
from learnfinance_dagster.allocation.rl.worlds import made_up_history
from learnfinance_dagster.costs import CostModel
from learnfinance_dagster.parameters import AllocationParameters

WEEKS, FINE_TUNE_WEEKS = 520, 26
RULES, COSTS = AllocationParameters(), CostModel()


def trainers(options: argparse.Namespace) -> None:
    """Full trainings and fine-tunes of both algorithms on ten made-up years, and what a decision takes."""
    for algorithm in ALGORITHMS:
        for name, weeks in (("full", WEEKS), ("fine_tune", FINE_TUNE_WEEKS)):
            numbers = algorithm.numbers("full", 0, fine_tune=name == "fine_tune")
            began = time.perf_counter()
            trained, observer = _trained(algorithm, numbers, weeks, options.names)
            took = time.perf_counter() - began
            print(f"{algorithm.title:4} {name:9} {numbers['steps']:7} steps on {weeks} weeks: {took:6.1f} s")
        policy = policy_of(algorithm, observer, trained.weights, numbers["width"])
        state = _state(options.names)
        times = []
        for _ in range(50):
            began = time.perf_counter()
            policy.raw_weights(state)
            times.append(time.perf_counter() - began)
        print(f"{algorithm.title:4} a Monday's decision, {options.names} names: {median(times) * 1000:.2f} ms")


def _trained(algorithm: Algorithm, numbers: dict, weeks: int, names: int) -> tuple[Trained, Observer]:
    history = made_up_history(weeks, names, 4 * names, 1, signal=0.15, clairvoyant=False)
    observer = Observer.fit(history)
    clear = World.of(history, observer, RULES, COSTS)
    noisy = World.of(history, observer, RULES, COSTS, noise=Noise(numbers["noise"], numbers["variants"], 1))
    return train(Order(algorithm, numbers, noisy, clear, observer, 1, "pace", Forgetful())), observer


def _state(names: int) -> PolicyState:
    rng = np.random.default_rng(0)
    symbols = tuple(f"N{number:03}" for number in range(names))
    return PolicyState(
        symbols,
        {each: tuple(rng.standard_normal(len(FEATURES)).tolist()) for each in symbols},
        {each: float(rng.standard_normal() / 50) for each in symbols},
        dict.fromkeys(symbols, 1 / (names + 1)),
    )
