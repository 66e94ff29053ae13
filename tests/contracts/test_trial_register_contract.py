"""What every `ports.TrialRegister` must do, whatever it is written on."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory_trials import MemoryTrialRegister, a_trial

from learnfinance_dagster.errors import DataError, RefusedError
from learnfinance_dagster.ports import Trial, TrialKind, TrialRegister


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def reopen(request) -> Callable[[], TrialRegister]:
    """Opens the same register again, as another object where it outlives its object."""
    return request.getfixturevalue(f"{request.param}_register")


@pytest.fixture
def register(reopen) -> TrialRegister:
    return reopen()


@pytest.fixture
def memory_register() -> Callable[[], TrialRegister]:
    register = MemoryTrialRegister()
    return lambda: register


@pytest.fixture
def sqlite_register(tmp_path: Path) -> Callable[[], TrialRegister]:
    from resources.ledger import open_trials

    return lambda: open_trials(f"sqlite:///{tmp_path}/ledger.sqlite")


@pytest.fixture
def postgres_register(postgres_ledger: str) -> Callable[[], TrialRegister]:
    from resources.ledger import open_trials

    return lambda: open_trials(postgres_ledger)


def test_an_empty_register_knows_nothing(register):
    assert register.trials() == ()
    assert register.trials("lstm") == ()
    assert register.find("lstm", a_trial().version) is None


@pytest.mark.parametrize("kind", TrialKind)
def test_what_was_recorded_is_found_exactly_also_by_who_opens_it_again(reopen, kind):
    trial = a_trial(kind=kind, seeds=(0, 1, 2**40), result={"sharpe": 1 / 3, "cagr": -0.0, "tiny": 5e-324})
    reopen().record(trial)
    assert reopen().find(trial.model, trial.version) == trial
    assert reopen().trials() == (trial,)


def test_a_trial_may_have_no_result_no_seed_and_no_reason(register):
    trial = a_trial(result={}, seeds=(), reason="", promoted=False)
    register.record(trial)
    assert register.trials() == (trial,)


def test_a_version_belongs_to_its_model(register):
    register.record(a_trial("lstm"))
    assert register.find("patchtst", a_trial().version) is None
    register.record(a_trial("patchtst", seeds=(8,)))
    assert register.find("lstm", a_trial().version) == a_trial("lstm")


def test_trials_come_in_the_order_in_which_they_were_recorded(reopen):
    trials = [a_trial(model, version) for version in ("z", "a", "m") for model in ("sac", "lstm")]
    for trial in trials:
        reopen().record(trial)
    assert reopen().trials() == tuple(trials)
    assert reopen().trials("lstm") == tuple(trials[1::2])
    assert reopen().trials("ppo") == ()


def test_the_same_trial_again_changes_nothing(reopen):
    first, second = a_trial(version="one"), a_trial(version="two")
    for trial in (first, second, first, replace(first, result=dict(reversed(first.result.items())))):
        reopen().record(trial)
    assert reopen().trials() == (first, second)


CHANGES = {
    "kind": TrialKind.SNAPSHOT,
    "serves": date(2025, 12, 22),
    "config_hash": "0" * 64,
    "data_hash": "0" * 64,
    "code_hash": "0" * 64,
    "seeds": (7, 8),
    "result": {"mse_to_zero": 0.3, "rank_ic": -1e-17},
    "promoted": False,
    "reason": "",
}


@pytest.mark.parametrize("field", CHANGES)
def test_a_recorded_trial_is_never_changed(register, field):
    register.record(a_trial())
    with pytest.raises(RefusedError, match=r"the trial lstm v2025-12-28-0123456789ab is recorded already, with other"):
        register.record(a_trial(**{field: CHANGES[field]}))
    assert register.trials() == (a_trial(),)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")], ids=str)
def test_a_result_that_is_no_number_is_refused_and_nothing_is_recorded(register, value):
    with pytest.raises(DataError, match="not a finite number"):
        register.record(a_trial(result={"sharpe": value}))
    assert register.trials() == ()


def test_nobody_changes_a_recorded_trial_by_changing_what_they_gave_or_got(register):
    given_result = dict(a_trial().result)
    register.record(a_trial(result=given_result))
    given_result.clear()
    register.trials()[0].result.clear()
    found = register.find("lstm", a_trial().version)
    assert found is not None
    found.result.clear()
    assert register.trials() == (a_trial(),)


def test_the_same_trial_by_many_at_once_is_one_row(reopen):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: reopen().record(a_trial()), range(8)))
    assert reopen().trials() == (a_trial(),)


def test_of_many_outcomes_of_one_version_at_once_one_stays(reopen):
    trials = [a_trial(seeds=(seed,)) for seed in range(6)]

    def outcome(trial):
        try:
            reopen().record(trial)
        except RefusedError:
            return None
        return trial

    with ThreadPoolExecutor(4) as pool:
        won = [trial for trial in pool.map(outcome, trials) if trial]
    assert len(won) == 1
    assert reopen().trials() == tuple(won)


TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20)
TRIALS = st.builds(
    Trial,
    model=TEXT,
    version=TEXT,
    kind=st.sampled_from(TrialKind),
    serves=st.dates(),
    config_hash=TEXT,
    data_hash=TEXT,
    code_hash=TEXT,
    seeds=st.lists(st.integers(), max_size=3).map(tuple),
    result=st.dictionaries(TEXT, st.floats(allow_nan=False, allow_infinity=False), max_size=3),
    promoted=st.booleans(),
    reason=TEXT,
)


@given(trial=TRIALS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_trial_comes_back_as_it_was(tmp_path_factory, trial):
    from resources.ledger import open_trials

    for register in (MemoryTrialRegister(), open_trials(f"sqlite:///{tmp_path_factory.mktemp('any')}/ledger.sqlite")):
        register.record(trial)
        register.record(trial)
        assert register.trials() == (trial,)
