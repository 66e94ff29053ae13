"""A trial register in memory. It passes the contract tests, and forgets everything at the end."""

from datetime import date
from threading import Lock

from learnfinance_dagster.documents import from_json, to_json
from learnfinance_dagster.errors import RefusedError
from learnfinance_dagster.ports import Trial, TrialKind


class MemoryTrialRegister:
    """A `ports.TrialRegister`."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, str], str] = {}
        self._guard = Lock()

    def record(self, trial: Trial) -> None:
        text = to_json(trial)
        with self._guard:
            known = self._texts.setdefault((trial.model, trial.version), text)
        if from_json(Trial, known) != trial:
            msg = f"the trial {trial.model} {trial.version} is recorded already, with other content"
            raise RefusedError(msg)

    def find(self, model: str, version: str) -> Trial | None:
        text = self._texts.get((model, version))
        return from_json(Trial, text) if text else None

    def trials(self, model: str | None = None) -> tuple[Trial, ...]:
        found = [from_json(Trial, text) for text in list(self._texts.values())]
        return tuple(trial for trial in found if model in (None, trial.model))


class AllKnowingRegister(MemoryTrialRegister):
    """Every version was tried: for what happens behind a register."""

    def find(self, model: str, version: str) -> Trial | None:
        return super().find(model, version) or a_trial(model, version)


def a_trial(model: str = "lstm", version: str = "v2025-12-28-0123456789ab", **changes) -> Trial:
    """One that was promoted."""
    usual = {
        "kind": TrialKind.TRAINING,
        "serves": date(2025, 12, 29),
        "config_hash": "c" * 64,
        "data_hash": "d" * 64,
        "code_hash": "e" * 64,
        "seeds": (7,),
        "result": {"mse_to_zero": 0.1 + 0.2, "rank_ic": -1e-17},
        "promoted": True,
        "reason": "größer als alles zuvor: €",
    }
    return Trial(model, version, **(usual | changes))
