"""What every `ports.ModelStore` and `ports.Checkpoints` must do, wherever they keep things."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hub_server import HubServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory_models import MemoryCheckpoints, MemoryModelStore
from memory_trials import AllKnowingRegister

from learnfinance_dagster.errors import ConfigurationError, DataError, RefusedError
from learnfinance_dagster.ports import Checkpoints, ModelStore
from resources.models.checkpoints import FileCheckpoints
from resources.models.local import LocalModelStore
from resources.models.registered import RegisteredModels

FILES = {"weights.safetensors": b"\x00weights\xff", "scaler.json": b"{}", "config.json": b"{}", "metadata.json": b"{}"}
OTHER = FILES | {"weights.safetensors": b"\x00others\xff"}
NEWEST, OLDER, SNAPSHOT = "v2025-12-28-0123456789ab", "v2025-12-21-ba9876543210", "snapshot-2019-12-31"


@dataclass(frozen=True)
class Scene:
    """A store, and a way to spoil the last byte of a file (model, version, name) behind its back."""

    store: ModelStore
    damage: Callable[[str, str, str], None]


@contextmanager
def memory(_folder: Path) -> Iterator[Scene]:
    store = MemoryModelStore()
    yield Scene(store, store.damage)


@contextmanager
def local(folder: Path) -> Iterator[Scene]:
    store = LocalModelStore(folder / "models")

    def damage(model: str, version: str, name: str) -> None:
        path = store.path(model, version) / name
        path.write_bytes(path.read_bytes()[:-1])

    yield Scene(store, damage)


@contextmanager
def hub(folder: Path) -> Iterator[Scene]:
    with HubServer() as server:
        store = server.machine(folder / "models")

        def damage(model: str, version: str, name: str) -> None:
            path = folder / "models" / model / version / name
            path.write_bytes(path.read_bytes()[:-1])

        yield Scene(store, damage)


@contextmanager
def registered(folder: Path) -> Iterator[Scene]:
    with local(folder) as behind:
        yield Scene(RegisteredModels(behind.store, AllKnowingRegister()), behind.damage)


MAKERS: list[Callable[[Path], AbstractContextManager[Scene]]] = [memory, local, hub, registered]


@pytest.fixture(params=MAKERS, ids=lambda make: make.__name__)
def scene(request, tmp_path) -> Iterator[Scene]:
    with request.param(tmp_path) as made:
        yield made


@pytest.fixture
def store(scene) -> ModelStore:
    return scene.store


def test_an_empty_store_has_nothing(store):
    assert store.versions("lstm") == ()
    assert not store.has("lstm", NEWEST)
    assert store.current("lstm") is None


def test_what_was_written_is_read_and_nothing_else_is_there(store):
    store.write("lstm", NEWEST, FILES)

    assert store.has("lstm", NEWEST)
    assert dict(store.read("lstm", NEWEST)) == FILES
    assert store.versions("lstm") == (NEWEST,)
    assert store.versions("patchtst") == ()
    assert store.current("lstm") is None, "stored is not promoted"


def test_versions_and_snapshots_are_listed_in_order(store):
    for version in (NEWEST, SNAPSHOT, OLDER):
        store.write("lstm", version, FILES)
    assert store.versions("lstm") == (SNAPSHOT, OLDER, NEWEST)


def test_reading_what_was_never_stored_says_what_there_is(store):
    store.write("lstm", OLDER, FILES)
    with pytest.raises(ConfigurationError, match=f"{NEWEST}.*{OLDER}"):
        store.read("lstm", NEWEST)


def test_the_same_files_again_change_nothing(store):
    for _ in range(2):
        store.write("lstm", NEWEST, FILES)
        store.write("lstm", NEWEST, dict(reversed(FILES.items())))
    assert dict(store.read("lstm", NEWEST)) == FILES


@pytest.mark.parametrize(
    ("files", "named"),
    [(OTHER, "weights"), (FILES | {"more.json": b""}, "more.json"), ({"scaler.json": b"{}"}, "weights")],
    ids=["another content", "one more", "fewer"],
)
def test_other_files_are_refused_by_name_and_the_version_stays(store, files, named):
    store.write("lstm", NEWEST, FILES)
    with pytest.raises(RefusedError, match=named):
        store.write("lstm", NEWEST, files)
    assert dict(store.read("lstm", NEWEST)) == FILES


def test_a_forced_write_replaces_the_whole_version(store):
    store.write("lstm", SNAPSHOT, FILES)
    store.write("lstm", SNAPSHOT, {"weights.safetensors": b"new"}, replace=True)
    store.write("lstm", NEWEST, FILES, replace=True)
    assert dict(store.read("lstm", SNAPSHOT)) == {"weights.safetensors": b"new"}
    assert store.versions("lstm") == (SNAPSHOT, NEWEST)


def test_a_promoted_version_is_current_until_another_one_is(store):
    store.write("lstm", OLDER, FILES)
    store.write("lstm", NEWEST, OTHER)
    for version in (OLDER, NEWEST, NEWEST, OLDER):
        store.set_current("lstm", version)
        assert store.current("lstm") == version
    assert store.current("patchtst") is None
    assert store.versions("lstm") == (OLDER, NEWEST)


def test_one_decides_at_a_time_and_reads_and_writes_while_it_does(store):
    order = []

    def decide(name):
        with store.deciding("lstm"):
            order.append(f"{name} begins")
            store.write("lstm", OLDER, FILES)
            store.set_current("lstm", OLDER)
            order.append(f"{name} ends")

    with ThreadPoolExecutor() as pool:
        with store.deciding("lstm"):
            other = pool.submit(decide, "other")
            store.write("lstm", NEWEST, FILES)
            assert store.versions("lstm") == (NEWEST,)
            order.append("first ends")
        other.result()
    assert order == ["first ends", "other begins", "other ends"]
    with pytest.raises(ZeroDivisionError), store.deciding("lstm"):
        raise ZeroDivisionError
    decide("after a failure")


def test_only_a_version_that_is_there_is_promoted(store):
    store.write("lstm", OLDER, FILES)
    store.set_current("lstm", OLDER)
    with pytest.raises(ConfigurationError, match=NEWEST):
        store.set_current("lstm", NEWEST)
    with pytest.raises(ConfigurationError, match=OLDER):
        store.set_current("patchtst", OLDER)
    assert store.current("lstm") == OLDER


@pytest.mark.parametrize("name", ["weights.safetensors", "scaler.json"])
def test_a_file_that_lost_its_end_is_named_and_a_forced_write_mends_it(scene, name):
    scene.store.write("lstm", NEWEST, FILES)
    scene.damage("lstm", NEWEST, name)

    with pytest.raises(DataError, match=name):
        scene.store.read("lstm", NEWEST)
    with pytest.raises(DataError, match=name):
        scene.store.write("lstm", NEWEST, FILES)
    scene.store.write("lstm", NEWEST, FILES, replace=True)

    assert dict(scene.store.read("lstm", NEWEST)) == FILES


@pytest.mark.parametrize("name", ["model.pkl", "model.pt", "pytorch_model.BIN", "model.joblib", "scaler.pickle"])
def test_pickles_are_refused(store, name):
    with pytest.raises(RefusedError, match="pickle"):
        store.write("lstm", NEWEST, FILES | {name: b"harmless"})
    assert store.versions("lstm") == ()


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "a/b", "../up", "a\\b", "a b", "a\n", "ä", "a\0", "a" * 129]
)
def test_names_that_are_no_names_are_refused_everywhere(store, name):
    asks = [
        lambda: store.versions(name),
        lambda: store.has(name, NEWEST),
        lambda: store.has("lstm", name),
        lambda: store.read("lstm", name),
        lambda: store.write(name, NEWEST, FILES),
        lambda: store.write("lstm", name, FILES),
        lambda: store.write("lstm", NEWEST, {name: b"{}"}),
        lambda: store.current(name),
        lambda: store.set_current("lstm", name),
    ]
    for ask in asks:
        with pytest.raises(DataError, match="is no name of a"):
            ask()
    assert store.versions("lstm") == ()


def test_names_that_the_store_needs_itself_are_refused(store):
    with pytest.raises(DataError, match="current"):
        store.write("lstm", "current", FILES)
    with pytest.raises(DataError, match=r"checksums\.json"):
        store.write("lstm", NEWEST, FILES | {"checksums.json": b"{}"})
    with pytest.raises(DataError, match="without files"):
        store.write("lstm", NEWEST, {})


def test_nobody_changes_a_stored_version_by_changing_what_they_gave_or_got(store):
    given_files = dict(FILES)
    store.write("lstm", NEWEST, given_files)
    given_files["config.json"] = b"changed"
    dict(store.read("lstm", NEWEST)).clear()
    assert dict(store.read("lstm", NEWEST)) == FILES


def test_writers_of_the_same_version_at_once_all_succeed_when_they_agree(store):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: store.write("lstm", NEWEST, FILES), range(8)))
    assert dict(store.read("lstm", NEWEST)) == FILES


def test_of_writers_that_disagree_one_wins_whole(store):
    versions = [FILES | {"weights.safetensors": bytes([n])} for n in range(6)]

    def outcome(files):
        try:
            store.write("lstm", NEWEST, files)
        except RefusedError:
            return None
        return files

    with ThreadPoolExecutor(4) as pool:
        won = [files for files in pool.map(outcome, versions) if files]
    assert len(won) == 1
    assert dict(store.read("lstm", NEWEST)) == won[0]


NAMES = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,40}", fullmatch=True)


@given(files=st.dictionaries(NAMES.map(lambda name: f"{name}.json"), st.binary(max_size=40), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_under_any_safe_names_come_back(tmp_path_factory, files):
    for maker in (memory, local):
        with maker(tmp_path_factory.mktemp("any")) as made:
            made.store.write("lstm", NEWEST, files)
            assert dict(made.store.read("lstm", NEWEST)) == files


CHECKPOINTS: list[Callable[[Path], Checkpoints]] = [lambda _: MemoryCheckpoints(), FileCheckpoints]


@pytest.fixture(params=CHECKPOINTS, ids=["memory", "files"])
def checkpoints(request, tmp_path) -> Checkpoints:
    return request.param(tmp_path / "checkpoints")


def test_the_newest_checkpoint_is_loaded_until_it_is_discarded(checkpoints):
    assert checkpoints.load("lstm-2019") is None
    for content in (b"first", b"second", b""):
        checkpoints.save("lstm-2019", content)
        assert checkpoints.load("lstm-2019") == content
    checkpoints.save("lstm-2020", b"another training")
    for _ in range(2):
        checkpoints.discard("lstm-2019")
        assert checkpoints.load("lstm-2019") is None
    assert checkpoints.load("lstm-2020") == b"another training"


@pytest.mark.parametrize("key", ["", "../up", "a/b", ".hidden"])
def test_trainings_with_unsafe_names_are_refused(checkpoints, key):
    for ask in (checkpoints.load, checkpoints.discard, lambda name: checkpoints.save(name, b"")):
        with pytest.raises(DataError, match="is no name of a training"):
            ask(key)
