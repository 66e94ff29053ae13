"""How a training enters the trial register: before its version is stored."""

from dataclasses import replace

from learnfinance_dagster.ports import Trial, TrialRegister


def record(trial: Trial, register: TrialRegister) -> Trial:
    """Record a trial before its version is stored; the same again changes nothing.

    A version may be made again with another outcome: a snapshot that was forced, or a training that was killed before
    it was stored and goes on with another library, device or version in use. Both were tried, so both are recorded:
    the later one as `<version>-again-2`, and so on.

    Returns:
        The trial as it is in the register.

    Raises:
        RefusedError: another process recorded that version with another outcome just now; once more is enough.
    """
    again, times = trial, 1
    while register.find(again.model, again.version) not in (None, again):
        times += 1
        again = replace(trial, version=f"{trial.version}-again-{times}")
    register.record(again)
    return again
