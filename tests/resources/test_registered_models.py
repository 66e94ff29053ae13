"""No model version can exist without a trial. The rest is in the contract of model stores."""

import pytest
from hub_server import HubServer
from memory_models import MemoryModelStore
from memory_trials import MemoryTrialRegister, a_trial

from learnfinance_dagster.errors import RefusedError
from resources.models.registered import RegisteredModels

FILES = {"weights.safetensors": b"weights", "metadata.json": b"{}"}
TRIAL = a_trial()


@pytest.fixture
def models():
    return RegisteredModels(MemoryModelStore(), MemoryTrialRegister())


@pytest.mark.parametrize("replace", [False, True], ids=["new", "forced"])
def test_a_version_without_a_trial_is_refused_and_nothing_is_stored(models, replace):
    with pytest.raises(RefusedError, match=f"lstm {TRIAL.version} is not stored: it has no trial in the register"):
        models.write("lstm", TRIAL.version, FILES, replace=replace)
    assert models.versions("lstm") == ()


def test_a_version_whose_trial_is_recorded_is_stored(models):
    models.register.record(TRIAL)
    models.write("lstm", TRIAL.version, FILES)
    models.set_current("lstm", TRIAL.version)
    assert models.store.read("lstm", TRIAL.version) == FILES
    assert models.store.current("lstm") == models.current("lstm") == TRIAL.version


def test_a_trial_of_another_model_or_version_does_not_do(models):
    models.register.record(a_trial("patchtst"))
    models.register.record(a_trial("lstm", "v2025-12-21-0123456789ab"))
    with pytest.raises(RefusedError, match="no trial"):
        models.write("lstm", TRIAL.version, FILES)


def test_a_version_from_before_the_register_is_read_used_and_not_replaced(models):
    models.store.write("lstm", TRIAL.version, FILES)
    assert models.read("lstm", TRIAL.version) == FILES
    models.set_current("lstm", TRIAL.version)
    with pytest.raises(RefusedError, match="no trial"):
        models.write("lstm", TRIAL.version, {"metadata.json": b"other"}, replace=True)
    assert models.read("lstm", TRIAL.version) == FILES


def test_what_another_machine_tried_is_fetched_from_the_hub_without_a_trial_of_this_one(tmp_path):
    with HubServer() as server:
        server.machine(tmp_path / "there").write("lstm", TRIAL.version, FILES)
        here = RegisteredModels(server.machine(tmp_path / "here"), MemoryTrialRegister())
        assert here.read("lstm", TRIAL.version) == FILES
        assert here.has("lstm", TRIAL.version)
