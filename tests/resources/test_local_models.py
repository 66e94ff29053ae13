"""What only a disk can do to models: processes that die, readers in the middle, files that rot.

Every process that dies here is a real one, forked and ended by `os._exit` at an act on the file system.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnfinance_dagster.errors import ConfigurationError, DataError, RefusedError
from resources.models.checkpoints import FileCheckpoints
from resources.models.local import HOUR, LocalModelStore
from resources.models.rules import checksums, manifest, read_manifest, verify

OLD = {"weights.safetensors": b"old" * 1000, "config.json": b"{}"}
NEW = {"weights.safetensors": b"new" * 1000, "scaler.json": b"[]"}
VERSION = "v2025-12-28-0123456789ab"
ACTS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "fcntl.flock")
DIED, REFUSED, FAILED = 9, 2, 3


def child(act: Callable[[], object]) -> int:
    """Begin `act` in a process of its own; its number."""
    number = os.fork()
    if number:
        return number
    try:
        act()
        os._exit(0)
    except RefusedError:
        os._exit(REFUSED)
    except BaseException:  # noqa: BLE001 - nothing may get back into pytest's own stack
        os._exit(FAILED)


def ended(number: int) -> int:
    """Its exit code."""
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


def die_at(moment: int, act: Callable[[], object]) -> int:
    """The exit code of a process that does `act` and dies right before its act on the file system of that number."""

    def fused() -> None:
        seen = 0

        def hook(event: str, _arguments: object) -> None:
            nonlocal seen
            if event in ACTS:
                if seen == moment:
                    os._exit(DIED)
                seen += 1

        sys.addaudithook(hook)
        act()

    return ended(child(fused))


def left_by_deaths(
    folder: Path, act: Callable[[Path], object], prepare: Callable[[Path], object] = lambda _: None
) -> Iterator[Path]:
    """Prepared folders as processes left them that died at each moment of `act`; last, by one that did not die."""
    for moment in range(200):
        root = folder / str(moment)
        prepare(root)
        code = die_at(moment, lambda root=root: act(root))
        assert code in {0, DIED}
        yield root
        if code == 0:
            return
    pytest.fail("it never came to its end")


def a_day_later() -> float:
    return time.time() + 24 * HOUR


def hidden(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob(".*"))


@pytest.fixture
def store(tmp_path) -> LocalModelStore:
    return LocalModelStore(tmp_path / "models")


def test_a_version_is_a_folder_of_plain_files_with_their_checksums(store):
    store.write("lstm", VERSION, OLD)
    store.set_current("lstm", VERSION)

    folder = store.root / "lstm" / VERSION
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == OLD | {"checksums.json": manifest(OLD)}
    assert json.loads(manifest(OLD)) == checksums(OLD)
    assert (store.root / "lstm" / "current").read_text() == f"{VERSION}\n"
    assert folder.stat().st_mode & 0o777 == 0o755
    assert not hidden(store.root)


def test_asking_makes_no_folders(store):
    assert store.versions("lstm") == ()
    assert not store.has("lstm", VERSION)
    assert store.current("lstm") is None
    with pytest.raises(ConfigurationError):
        store.read("lstm", VERSION)
    assert not store.root.exists()


def test_a_writer_killed_at_any_moment_leaves_no_half_version_and_the_next_one_sweeps(tmp_path):
    seen = []
    for root in left_by_deaths(tmp_path, lambda root: LocalModelStore(root).write("lstm", VERSION, NEW)):
        found = LocalModelStore(root)
        seen.append(found.has("lstm", VERSION))
        assert found.versions("lstm") == ((VERSION,) if seen[-1] else ())
        if seen[-1]:
            assert found.read("lstm", VERSION) == NEW
        found.write("lstm", VERSION, NEW)
        LocalModelStore(root, a_day_later).write("lstm", "v2", OLD)
        assert found.versions("lstm") == ("v2", VERSION)
        assert found.read("lstm", VERSION) == NEW
        assert not hidden(root)
    assert seen.count(False) > 10
    assert seen[-1]


@pytest.mark.parametrize("first", ["read", "versions", "has", "write"])
def test_a_replacement_killed_at_any_moment_leaves_the_old_version_or_the_new_one(tmp_path, first):
    seen, moved_away = [], 0
    for root in left_by_deaths(
        tmp_path,
        act=lambda root: LocalModelStore(root).write("lstm", VERSION, NEW, replace=True),
        prepare=lambda root: LocalModelStore(root).write("lstm", VERSION, OLD),
    ):
        moved_away += not (root / "lstm" / VERSION).exists()
        found = LocalModelStore(root)
        if first == "versions":
            assert found.versions("lstm") == (VERSION,)
        elif first == "has":
            assert found.has("lstm", VERSION)
        elif first == "write":
            with pytest.raises(RefusedError):
                found.write("lstm", VERSION, OLD | NEW | {"more.json": b"{}"})
        seen.append(found.read("lstm", VERSION) == NEW)
        assert seen[-1] or found.read("lstm", VERSION) == OLD
        LocalModelStore(root, a_day_later).write("lstm", "v2", OLD)
        assert not hidden(root)
    assert seen == sorted(seen), "old, and from one moment on new"
    assert len(set(seen)) == 2
    assert moved_away, "one of them died between moving the old version away and the new one in"


def test_what_a_killed_replacement_was_removing_never_comes_back_by_halves(tmp_path):
    for root in left_by_deaths(
        tmp_path,
        act=lambda root: LocalModelStore(root).write("lstm", VERSION, NEW, replace=True),
        prepare=lambda root: LocalModelStore(root).write("lstm", VERSION, OLD),
    ):
        shutil.rmtree(root / "lstm" / VERSION, ignore_errors=True)
        found = LocalModelStore(root)
        if found.versions("lstm"):
            assert found.read("lstm", VERSION) == OLD


def test_whoever_mends_a_broken_replacement_may_die_too(tmp_path):
    def broken(root: Path) -> None:
        LocalModelStore(root).write("lstm", VERSION, OLD)
        (root / "lstm" / VERSION).rename(root / "lstm" / f".{VERSION}.abc123.old")

    for root in left_by_deaths(tmp_path, lambda root: LocalModelStore(root).versions("lstm"), broken):
        assert LocalModelStore(root).read("lstm", VERSION) == OLD


def test_a_promotion_killed_at_any_moment_leaves_the_old_pointer_or_the_new_one(tmp_path):
    def prepare(root: Path) -> None:
        for version in ("v1", "v2"):
            LocalModelStore(root).write("lstm", version, OLD)
        LocalModelStore(root).set_current("lstm", "v1")

    seen = set()
    for root in left_by_deaths(tmp_path, lambda root: LocalModelStore(root).set_current("lstm", "v2"), prepare):
        found = LocalModelStore(root)
        seen.add(found.current("lstm"))
        assert found.versions("lstm") == ("v1", "v2")
        LocalModelStore(root, a_day_later).write("lstm", "v3", OLD)
        assert not hidden(root)
    assert seen == {"v1", "v2"}


def test_what_lies_aside_is_left_alone_while_its_writer_may_live(tmp_path):
    deaths = left_by_deaths(tmp_path, lambda root: LocalModelStore(root).write("lstm", VERSION, OLD))
    root = next(root for root in deaths if hidden(root))
    left = hidden(root)

    LocalModelStore(root).write("lstm", "v2", OLD)
    assert hidden(root) == left
    LocalModelStore(root, a_day_later).write("lstm", "v3", OLD)
    assert not hidden(root)


def test_readers_never_see_a_mixture_nor_a_gap_while_a_version_is_replaced(store):
    store.write("lstm", VERSION, OLD)

    def replace_again_and_again():
        for turn in range(40):
            store.write("lstm", VERSION, OLD if turn % 2 else NEW, replace=True)

    writers = [child(replace_again_and_again) for _ in range(2)]
    is_over = False
    while not is_over:
        is_over = os.waitid(os.P_PID, writers[0], os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        assert store.has("lstm", VERSION)
        assert store.versions("lstm") == (VERSION,)
        assert store.read("lstm", VERSION) in (OLD, NEW)
    assert [ended(writer) for writer in writers] == [0, 0]
    assert not hidden(store.root)


def test_processes_that_write_the_same_version_at_once_all_succeed(store):
    writers = [child(lambda: store.write("lstm", VERSION, OLD)) for _ in range(4)]
    assert [ended(writer) for writer in writers] == [0, 0, 0, 0]
    assert store.read("lstm", VERSION) == OLD
    assert not hidden(store.root)


def test_of_processes_that_disagree_one_wins_and_the_others_are_refused(store):
    versions = [OLD | {"config.json": bytes([n])} for n in range(4)]
    writers = [child(lambda files=files: store.write("lstm", VERSION, files)) for files in versions]
    codes = [ended(writer) for writer in writers]
    assert sorted(codes) == [0, REFUSED, REFUSED, REFUSED]
    assert store.read("lstm", VERSION) == versions[codes.index(0)]
    assert not hidden(store.root)


@pytest.mark.parametrize("name", ["weights.safetensors", "config.json", "checksums.json"])
@pytest.mark.parametrize("spoil", ["cut", "changed", "removed", "emptied"])
def test_a_spoiled_file_is_named(store, name, spoil):
    store.write("lstm", VERSION, OLD)
    path = store.path("lstm", VERSION) / name
    content = path.read_bytes()
    if spoil == "removed":
        path.unlink()
    else:
        path.write_bytes({"cut": content[:-2], "changed": b"[" + content[1:], "emptied": b""}[spoil])

    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        store.read("lstm", VERSION)
    store.write("lstm", VERSION, OLD, replace=True)
    assert store.read("lstm", VERSION) == OLD


@pytest.mark.parametrize("name", ["../../secret.json", "/etc/hostname", ".hidden"])
def test_a_list_of_checksums_that_names_files_elsewhere_is_refused(store, name):
    store.write("lstm", VERSION, OLD)
    (store.path("lstm", VERSION) / "checksums.json").write_text(json.dumps({name: "0" * 64}))
    with pytest.raises(DataError, match="is no name of a file"):
        store.read("lstm", VERSION)


def test_files_that_nobody_listed_are_not_read(store):
    store.write("lstm", VERSION, OLD)
    (store.path("lstm", VERSION) / "model.pkl").write_bytes(b"not ours")
    assert store.read("lstm", VERSION) == OLD


def test_what_is_no_version_is_not_listed(store):
    store.write("lstm", VERSION, OLD)
    (store.root / "lstm" / "notes.txt").write_text("a file")
    (store.root / "lstm" / "lost+found").mkdir()
    (store.root / "lstm" / ".cache").mkdir()
    assert store.versions("lstm") == (VERSION,)


@pytest.mark.parametrize("content", [b"", b"../elsewhere\n", b"v1\nv2\n", b"\xff\xfe"])
def test_a_pointer_that_holds_no_version_is_an_error_that_names_it(store, content):
    store.write("lstm", VERSION, OLD)
    (store.root / "lstm" / "current").write_bytes(content)
    with pytest.raises(DataError, match="current"):
        store.current("lstm")
    store.set_current("lstm", VERSION)
    assert store.current("lstm") == VERSION


def test_a_full_disk_leaves_nothing_of_the_version(store, monkeypatch):
    store.write("lstm", "v1", OLD)

    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.write("lstm", VERSION, NEW)
    monkeypatch.undo()
    assert store.versions("lstm") == ("v1",)
    assert not hidden(store.root)


FILES = st.dictionaries(st.from_regex(r"[a-z][a-z0-9._-]{0,20}", fullmatch=True), st.binary(max_size=30), min_size=1)


@given(files=FILES)
def test_checksums_hold_for_what_they_were_made_of_in_any_order(files):
    told = read_manifest(manifest(files), "here")
    assert manifest(dict(reversed(files.items()))) == manifest(files)
    verify(files, told, "here")


@given(files=FILES, data=st.data())
def test_no_changed_byte_passes_the_checksums(files, data):
    name = data.draw(st.sampled_from(sorted(files)))
    changed = data.draw(st.binary(max_size=30).filter(lambda content: content != files[name]))
    with pytest.raises(DataError, match="is not what was written"):
        verify(files | {name: changed}, checksums(files), "here")


@given(content=st.binary(max_size=60))
def test_a_list_of_checksums_is_read_or_refused_and_never_believed_by_halves(content):
    try:
        told = read_manifest(content, "here")
    except DataError:
        return
    assert told
    assert all(isinstance(each, str) for each in told.values())


def test_a_damaged_checkpoint_is_none_and_is_removed_aloud(tmp_path):
    said = []
    checkpoints = FileCheckpoints(tmp_path, said.append)
    checkpoints.save("lstm", b"x" * 1000)
    path = tmp_path / "lstm.safetensors"
    whole = path.read_bytes()
    for damaged in (b"", whole[:30], whole[:-1], whole + b"x", b"y" + whole[1:], whole[:-1] + b"y"):
        path.write_bytes(damaged)
        assert checkpoints.load("lstm") is None
        assert not path.exists()
        assert "lstm.safetensors is damaged" in said.pop()
    assert checkpoints.load("lstm") is None
    assert said == []


def test_a_saver_killed_at_any_moment_leaves_the_old_checkpoint_or_the_new_one(tmp_path):
    seen = set()
    for root in left_by_deaths(
        tmp_path,
        act=lambda root: FileCheckpoints(root).save("lstm", b"new"),
        prepare=lambda root: FileCheckpoints(root).save("lstm", b"old"),
    ):
        seen.add(FileCheckpoints(root).load("lstm"))
        FileCheckpoints(root, clock=a_day_later).discard("lstm")
        assert list(root.iterdir()) == []
    assert seen == {b"old", b"new"}
