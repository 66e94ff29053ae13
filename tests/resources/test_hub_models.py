"""Models on the Hub, against a local server that speaks its HTTP as the installed library uses it."""

import json
import logging
import os
import subprocess
import sys
import traceback
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from hub_server import ALICE, BROKEN, FAILING, MALLORY, READER, HubServer, cut, instead, lost, spoiled
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vendor_server import Reply
from wild_json import ANYTHING

from learnfinance_dagster.errors import (
    ConfigurationError,
    DataError,
    LearnFinanceError,
    RefusedError,
    TransientError,
)
from resources.models import hub_library
from resources.models.rules import manifest
from resources.models.sync import sync

FILES = {"weights.safetensors": b"\x00weights\xff", "scaler.json": b"{}", "config.json": b"[1]", "metadata.json": b"3"}
OTHER = FILES | {"weights.safetensors": b"\x00others\xff", "scaler.json": b"[2]"}
V1, V2, SNAPSHOT = "v2025-12-21-ba9876543210", "v2025-12-28-0123456789ab", "snapshot-2019-12-31"
FURNITURE = {"README.md", "current.json", "checksums.json"}


@pytest.fixture
def hub():
    with HubServer() as server:
        yield server


@pytest.fixture
def here(hub, tmp_path):
    return hub.machine(tmp_path / "here")


@pytest.fixture
def there(hub, tmp_path):
    return hub.machine(tmp_path / "there")


@pytest.fixture(autouse=True)
def waits(monkeypatch) -> list[float]:
    """Seconds that the library would have waited."""
    waited: list[float] = []
    for module in ("utils._http", "file_download"):
        fake = SimpleNamespace(sleep=waited.append)
        monkeypatch.setattr(f"huggingface_hub.{module}.time", fake)
    return waited


def commits(hub, branch, repo="alice/lstm"):
    return [commit.title for commit in hub.repos[repo].log(branch)]


# What is mirrored, and how.


def test_another_machine_reads_what_was_written_and_keeps_it(hub, here, there):
    here.write("lstm", V1, FILES)

    assert there.has("lstm", V1)
    assert there.versions("lstm") == (V1,)
    assert not there.local.has("lstm", V1), "asking whether it exists fetches nothing"
    assert dict(there.read("lstm", V1)) == FILES
    hub.seen.clear()
    assert dict(there.read("lstm", V1)) == FILES
    assert hub.seen == []


def test_a_version_is_a_branch_with_its_files_and_no_other_versions(hub, here):
    here.write("lstm", V1, FILES | {"extra.json": b"1"})
    here.set_current("lstm", V1)
    here.write("lstm", V2, OTHER)
    here.write("lstm", SNAPSHOT, FILES)

    assert hub.repos["alice/lstm"].branches.keys() == {"main", V1, V2, SNAPSHOT}
    assert hub.files("alice/lstm", V2) == OTHER | {"checksums.json": manifest(OTHER)}
    assert len(commits(hub, V2)) == 2, "the first one of the repository, and one with all files"
    assert here.versions("lstm") == (SNAPSHOT, V1, V2)
    assert hub.repos["alice/lstm"].private


def test_main_holds_the_version_in_use_and_says_which_in_one_commit(hub, here, there):
    here.write("lstm", V1, FILES | {"extra.json": b"1"})
    here.write("lstm", V2, OTHER)
    assert there.current("lstm") is None

    here.set_current("lstm", V1)
    assert len(commits(hub, "main")) == 2
    assert there.current("lstm") == V1
    here.set_current("lstm", V2)
    here.set_current("lstm", V2)

    assert len(commits(hub, "main")) == 3
    main = hub.files("alice/lstm", "main")
    assert {name: main[name] for name in OTHER} == OTHER
    assert main.keys() - OTHER.keys() == FURNITURE, "extra.json was the other version's"
    assert json.loads(main["current.json"]) == {"version": V2}
    assert V2 in main["README.md"].decode()
    assert there.current("lstm") == V2


def test_what_people_put_beside_a_model_stays(hub, here):
    here.write("lstm", V1, FILES)
    hub.put("alice/lstm", "main", {"LICENSE": b"ours", "README.md": b"by hand"})
    here.set_current("lstm", V1)
    assert hub.files("alice/lstm", "main").keys() == FILES.keys() | FURNITURE | {"LICENSE"}


def test_the_pointer_that_was_set_here_wins_over_mains(here, there):
    for version, files in ((V1, FILES), (V2, OTHER)):
        here.write("lstm", version, files)
        here.set_current("lstm", version)
        if version == V1:
            there.set_current("lstm", V1)
    assert (here.current("lstm"), there.current("lstm")) == (V2, V1)


def test_a_version_that_is_only_on_the_hub_can_be_promoted(hub, here, there):
    here.write("lstm", V1, FILES)
    there.set_current("lstm", V1)
    assert dict(there.local.read("lstm", V1)) == FILES
    assert here.current("lstm") == V1


def test_nothing_that_is_whole_is_sent_again(hub, here, there):
    here.write("lstm", V1, FILES)
    here.set_current("lstm", V1)
    sent, tip = len(hub.uploads()), dict(hub.repos["alice/lstm"].branches)

    here.write("lstm", V1, FILES)
    here.set_current("lstm", V1)
    there.write("lstm", V1, FILES)
    there.write("lstm", V2, FILES | {"config.json": b"another"})

    assert len(hub.uploads()) == sent == 1, "the weights are the same everywhere"
    assert {name: hub.repos["alice/lstm"].branches[name] for name in tip} == tip


def test_a_forced_write_replaces_the_branch_in_one_commit(hub, here, there):
    here.write("lstm", SNAPSHOT, FILES)
    here.write("lstm", SNAPSHOT, {"weights.safetensors": b"new"}, replace=True)
    assert dict(there.read("lstm", SNAPSHOT)) == {"weights.safetensors": b"new"}
    assert hub.files("alice/lstm", SNAPSHOT).keys() == {"weights.safetensors", "checksums.json"}
    assert len(commits(hub, SNAPSHOT)) == 3


def test_other_files_under_a_name_that_the_hub_knows_are_refused_and_kept_here(hub, here, there):
    here.write("lstm", V1, FILES)
    with pytest.raises(RefusedError, match=r"weights\.safetensors"):
        there.write("lstm", V1, OTHER)
    assert dict(there.local.read("lstm", V1)) == OTHER
    assert dict(here.read("lstm", V1)) == FILES
    with pytest.raises(RefusedError):
        there.set_current("lstm", V1)
    assert hub.files("alice/lstm", "main") == {}


def test_what_somebody_commits_while_we_upload_is_not_overwritten(hub, here):
    def meanwhile(honest):
        hub.put("alice/lstm", V1, OTHER)
        return honest()

    hub.plant("POST", "/preupload/", meanwhile)
    with pytest.raises(RefusedError, match=r"scaler\.json"):
        here.write("lstm", V1, FILES)
    assert hub.files("alice/lstm", V1) == OTHER


# Interruptions.


@pytest.mark.parametrize(
    ("method", "part", "fault"),
    [
        ("POST", "/commit/", lost),
        ("POST", "/commit/", FAILING),
        ("POST", "/commit/", BROKEN),
        ("POST", "/branch/", lost),
        ("POST", "/branch/", FAILING),
        ("GET", "/commits/", FAILING),
        ("GET", "/revision/", FAILING),
        ("POST", "/preupload/", BROKEN),
        ("POST", "/preupload/", FAILING),
        ("POST", "/preupload/", instead(Reply({}, 429, {"Retry-After": "2"}))),
        ("POST", "/objects/batch", FAILING),
        ("PUT", "/storage/", BROKEN),
        ("PUT", "/storage/", FAILING),
        ("PUT", "/storage/", lost),
        ("POST", "/commit/", instead(Reply({"error": "A commit has happened since"}, 412))),
        ("POST", "/commit/", instead(Reply(b"<html>captive portal</html>", 200))),
    ],
)
def test_a_fault_that_passes_is_not_noticed_and_nothing_is_committed_twice(hub, here, there, method, part, fault):
    here.write("lstm", V2, OTHER)
    hub.plant(method, part, fault)
    here.write("lstm", V1, FILES)
    assert len(commits(hub, V1)) == 2
    assert dict(there.read("lstm", V1)) == FILES


@pytest.mark.parametrize(
    "part", ["/commit/", "/preupload/", "/branch/", "/repos/create", "/objects/batch", "/storage/"]
)
@pytest.mark.parametrize("fault", [FAILING, BROKEN])
def test_an_upload_that_fails_keeps_what_is_here_and_the_next_sync_finishes_it(hub, here, there, part, fault):
    for method in ("POST", "PUT"):
        hub.plant(method, part, *[fault] * 20)
    with pytest.raises(TransientError, match="alice/lstm"):
        here.write("lstm", V1, FILES)

    assert dict(here.read("lstm", V1)) == FILES
    assert here.versions("lstm") == (V1,)
    assert there.versions("lstm") == ()
    assert not there.has("lstm", V1)

    hub.heal()
    sent = len(hub.uploads())
    assert sync(here).uploaded == (("lstm", V1),)
    assert dict(there.read("lstm", V1)) == FILES
    if part == "/commit/":
        assert len(hub.uploads()) == sent, "the weights had arrived"


@pytest.mark.parametrize("fault", [lost, FAILING])
def test_a_repository_is_made_once_however_the_answer_is_lost(hub, here, there, fault):
    hub.plant("POST", "/repos/create", fault)
    here.write("lstm", V1, FILES)
    assert dict(there.read("lstm", V1)) == FILES


def test_checksums_that_somebody_spoiled_on_main_do_not_stop_a_promotion(hub, here):
    here.write("lstm", V1, FILES)
    hub.put("alice/lstm", "main", {"checksums.json": b"poison"})
    here.set_current("lstm", V1)
    assert here.remote_current("lstm") == V1


def test_a_promotion_that_fails_is_in_use_here_and_finished_by_doing_it_again(hub, here, there):
    here.write("lstm", V1, FILES)
    hub.plant("POST", "/commit/main", FAILING, FAILING)
    with pytest.raises(TransientError):
        here.set_current("lstm", V1)
    assert here.current("lstm") == V1
    assert there.current("lstm") is None
    here.set_current("lstm", V1)
    assert there.current("lstm") == V1


@pytest.mark.parametrize("headers", [{"Retry-After": "3600"}, {"ratelimit": '"api";r=0;t=3600'}])
def test_a_hub_that_asks_for_an_hour_is_not_waited_for(hub, here, waits, headers):
    here.write("lstm", V2, OTHER)
    hub.plant("POST", "/preupload/", *[instead(Reply({}, 429, headers))] * 9)
    with pytest.raises(TransientError, match="wait 3600 s"):
        here.write("lstm", V1, FILES)
    assert waits == []


def test_a_hub_that_says_nothing_is_not_waited_for(hub, here, monkeypatch):
    here.write("lstm", V1, FILES)
    monkeypatch.setattr(hub_library, "LIMITS", dict.fromkeys(hub_library.LIMITS, 0.05))
    hub.plant("GET", "/refs", instead(Reply({}, delay=0.4)))
    assert here.versions("lstm") == (V1,)
    hub.plant("GET", "/revision/", instead(Reply({}, delay=0.4)))
    with pytest.raises(TransientError, match="ReadTimeout"):
        here.has("lstm", V2)


# Downloads that cannot be trusted.


@pytest.mark.parametrize(
    ("part", "name"), [("/storage/", "weights.safetensors"), ("/scaler.json", "scaler.json"), ("/check", "checksums")]
)
def test_wrong_bytes_are_named_and_nothing_is_stored(hub, here, there, part, name):
    here.write("lstm", V1, FILES)
    hub.plant("GET", part, spoiled)
    with pytest.raises(DataError, match=name):
        there.read("lstm", V1)
    assert there.local.versions("lstm") == ()
    assert dict(there.read("lstm", V1)) == FILES


@pytest.mark.parametrize("part", ["/storage/", "/scaler.json"])
def test_a_download_that_breaks_off_is_continued_or_given_up(hub, here, there, part):
    here.write("lstm", V1, FILES)
    hub.plant("GET", part, *[cut] * 40)
    with pytest.raises(TransientError):
        there.read("lstm", V1)
    assert there.local.versions("lstm") == ()
    hub.heal()
    hub.plant("GET", part, cut)
    assert dict(there.read("lstm", V1)) == FILES


@pytest.mark.parametrize("name", ["weights.safetensors", "scaler.json"])
def test_a_file_that_somebody_changed_on_the_branch_is_named(hub, here, there, name):
    here.write("lstm", V1, FILES)
    hub.put("alice/lstm", V1, hub.files("alice/lstm", V1) | {name: b"poison"})
    with pytest.raises(DataError, match=name):
        there.read("lstm", V1)
    assert there.local.versions("lstm") == ()


def test_a_file_that_is_gone_from_the_branch_is_named(hub, here, there):
    here.write("lstm", V1, FILES)
    left = hub.files("alice/lstm", V1)
    del left["config.json"]
    hub.put("alice/lstm", V1, left)
    with pytest.raises(DataError, match=r"config\.json"):
        there.read("lstm", V1)


@pytest.mark.parametrize(
    ("name", "error"), [("model.pkl", RefusedError), ("weights.pt", RefusedError), ("../up.json", DataError)]
)
def test_pickles_and_unsafe_names_on_a_branch_are_refused_before_they_are_fetched(hub, here, there, name, error):
    here.write("lstm", V1, FILES)
    evil = FILES | {name: b"cos\nsystem\n."}
    hub.put("alice/lstm", V1, evil | {"checksums.json": manifest(evil)})
    with pytest.raises(error):
        there.read("lstm", V1)
    assert there.local.versions("lstm") == ()
    assert not any(name in request.path for request in hub.seen)


def test_branches_that_are_no_versions_are_not_listed(hub, here):
    here.write("lstm", V1, FILES)
    for name in ("experiment", "feature/x"):
        hub.repos["alice/lstm"].branches[name] = hub.repos["alice/lstm"].branches["main"]
    assert here.remote_versions("lstm") == (V1,)


@pytest.mark.parametrize("name", ["main", "a..b", "a.lock", "a.", "-a"])
def test_versions_that_cannot_be_branches_are_refused_before_anything_is_stored(here, name):
    with pytest.raises(DataError, match="branch"):
        here.write("lstm", name, FILES)
    assert here.local.versions("lstm") == ()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"version": 1}', b'{"version": "../up"}', b"\xff"])
def test_a_main_that_names_no_version_is_said(hub, here, content):
    here.write("lstm", V1, FILES)
    hub.put("alice/lstm", "main", {"current.json": content})
    with pytest.raises(DataError, match=r"current\.json"):
        here.current("lstm")


def test_a_pointer_that_was_changed_on_its_way_is_not_believed(hub, here, there):
    here.write("lstm", V1, FILES)
    here.set_current("lstm", V1)
    other = json.dumps({"version": V2}).encode() + b"\n"
    hub.plant("GET", "/current.json", lambda honest: replace(honest(), body=other))
    with pytest.raises(DataError, match=r"current\.json"):
        there.current("lstm")


# Sync.


def test_sync_moves_what_is_missing_both_ways_and_then_nothing(hub, here, there):
    here.local.write("lstm", V1, FILES)
    here.local.set_current("lstm", V1)
    there.write("lstm", V2, OTHER)
    there.write("patchtst", SNAPSHOT, FILES)

    report = sync(here)
    assert report.uploaded == (("lstm", V1),)
    assert report.downloaded == (("lstm", V2), ("patchtst", SNAPSHOT))
    assert report.promoted == (("lstm", V1),)
    assert report.conflicts == ()
    assert dict(here.local.read("lstm", V2)) == OTHER

    assert sync(there).promoted == (("lstm", V1),)
    assert there.local.current("lstm") == V1
    for store in (here, there):
        again = sync(store)
        assert (again.uploaded, again.downloaded, again.promoted, again.conflicts) == ((), (), (), ())


def test_conflicts_are_reported_and_both_sides_stay(hub, here, there):
    here.write("lstm", V1, FILES)
    here.write("lstm", V2, OTHER)
    here.set_current("lstm", V2)
    there.local.write("lstm", V1, OTHER)
    there.local.set_current("lstm", V1)

    report = sync(there)

    assert [(each.model, each.version) for each in report.conflicts] == [("lstm", V1), ("lstm", "current")]
    assert "weights.safetensors" in report.conflicts[0].why
    assert report.downloaded == (("lstm", V2),), "a conflict holds nothing else up"
    assert dict(there.local.read("lstm", V1)) == OTHER
    assert hub.files("alice/lstm", V1) == FILES | {"checksums.json": manifest(FILES)}
    assert there.local.current("lstm") == V1
    assert here.remote_current("lstm") == V2


def test_a_spoiled_branch_is_a_conflict_and_holds_nothing_else_up(hub, here, there):
    here.write("lstm", V1, FILES)
    here.write("lstm", V2, OTHER)
    hub.put("alice/lstm", V1, hub.files("alice/lstm", V1) | {"scaler.json": b"poison"})
    report = sync(there)
    assert [each.version for each in report.conflicts] == [V1]
    assert report.downloaded == (("lstm", V2),)


def test_a_main_that_names_a_version_nobody_has_is_a_conflict(hub, here):
    here.write("lstm", V1, FILES)
    hub.put("alice/lstm", "main", {"current.json": json.dumps({"version": V2}).encode()})
    (conflict,) = sync(here).conflicts
    assert V2 in conflict.why


# Nobody there, or not for us.


@pytest.fixture
def offline(here):
    """`here` after its Hub went away."""
    here.local.write("lstm", V1, FILES)
    here.local.set_current("lstm", V1)
    return replace(here, endpoint="http://127.0.0.1:9")


def test_offline_what_is_here_works_and_a_write_is_kept(offline, caplog):
    assert dict(offline.read("lstm", V1)) == FILES
    assert offline.has("lstm", V1)
    assert offline.current("lstm") == V1
    assert offline.versions("lstm") == (V1,)
    assert "not listed" in caplog.text, "a list that may be short is said to be"
    with pytest.raises(TransientError):
        offline.write("lstm", V2, OTHER)
    assert dict(offline.read("lstm", V2)) == OTHER


def test_offline_what_is_not_here_is_not_said_to_be_nowhere(offline):
    for ask in (
        lambda: offline.has("lstm", V2),
        lambda: offline.read("lstm", V2),
        lambda: offline.current("patchtst"),
        lambda: sync(offline),
    ):
        with pytest.raises(TransientError):
            ask()


def test_a_machine_told_to_stay_offline_says_which_setting_it_is(here, monkeypatch):
    here.write("lstm", V1, FILES)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert here.versions("lstm") == (V1,)
    with pytest.raises(ConfigurationError, match="HF_HUB_OFFLINE"):
        here.write("lstm", V2, OTHER)
    assert here.local.has("lstm", V2)


@pytest.mark.parametrize(
    ("token", "says"), [(None, "HF_TOKEN"), (READER, "write"), (MALLORY, "owner"), ("hf_wrong", "HF_TOKEN is wrong")]
)
def test_a_token_that_may_not_write_is_said_and_the_version_is_kept_here(hub, here, tmp_path, token, says):
    here.write("lstm", V2, OTHER)
    other = hub.machine(tmp_path / "other", token)
    with pytest.raises(ConfigurationError, match=says) as raised:
        other.write("lstm", V1, FILES)
    assert "alice/lstm" in str(raised.value)
    assert dict(other.local.read("lstm", V1)) == FILES
    assert V1 not in hub.repos["alice/lstm"].branches


def test_a_private_repository_that_the_token_may_not_see_is_no_version(hub, here, tmp_path):
    here.write("lstm", V1, FILES)
    stranger, nobody = hub.machine(tmp_path / "1", MALLORY), hub.machine(tmp_path / "2", None)
    assert stranger.versions("lstm") == ()
    with pytest.raises(ConfigurationError, match=V1):
        stranger.read("lstm", V1)
    with pytest.raises(ConfigurationError, match="HF_TOKEN is not set"):
        nobody.versions("lstm")


def test_a_public_repository_is_read_without_any_token(hub, tmp_path):
    hub.machine(tmp_path / "here", private=False).write("lstm", V1, FILES)
    asked_so_far = len(hub.seen)
    nobody = hub.machine(tmp_path / "nobody", None)
    assert dict(nobody.read("lstm", V1)) == FILES
    assert not any("authorization" in request.headers for request in hub.seen[asked_so_far:])


def test_nothing_private_goes_to_a_public_repository(hub, tmp_path):
    hub.machine(tmp_path / "here", private=False).write("lstm", V1, FILES)
    with pytest.raises(ConfigurationError, match="is public"):
        hub.machine(tmp_path / "there").write("lstm", V1, OTHER)


def test_a_model_without_a_repository_is_said(here):
    with pytest.raises(ConfigurationError, match="transfer_lstm"):
        here.write("transfer_lstm", V1, FILES)
    assert here.local.versions("transfer_lstm") == ()


@pytest.mark.parametrize("name", ["lstm", "a/b/c", "alice/ls tm", "alice/x--y", ""])
def test_a_repositorys_name_that_is_none_is_said(here, name):
    with pytest.raises(ConfigurationError):
        replace(here, repos={"lstm": name}).write("lstm", V1, FILES)


@pytest.mark.parametrize("endpoint", ["", "127.0.0.1", "ftp://127.0.0.1", "http://"])
def test_an_address_that_is_none_is_said(here, endpoint):
    with pytest.raises(LearnFinanceError):
        replace(here, endpoint=endpoint).has("lstm", V1)


# Secrets.


def test_no_token_is_told_by_errors_logs_or_the_store_itself(hub, here, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    here.write("lstm", V2, OTHER)
    hub.plant("POST", "/commit/", instead(Reply({"error": f"no, {READER}, no"}, 400)))
    tokens = [READER, MALLORY, "hf_unknown_canary_31", f"{ALICE}\nX-Evil: 1", f"{ALICE} {READER}", f"é{ALICE}"]
    stores = [hub.machine(tmp_path / f"{n}", token) for n, token in enumerate(tokens)]
    told = [repr(store) + str(store) for store in (here, *stores)]
    for store in stores:
        for ask in (lambda one: one.write("lstm", V1, FILES), lambda one: one.read("lstm", SNAPSHOT)):
            with pytest.raises(LearnFinanceError) as raised:
                ask(store)
            error = raised.value
            assert error.__cause__ is None
            assert error.__context__ is None, "requests hang on the library's exceptions"
            told += [str(error), repr(error), *traceback.format_exception(error)]
    hub.plant("POST", "/preupload/", instead(Reply({"error": f"Bearer {ALICE} / {ALICE}"}, 422)))
    with pytest.raises(RefusedError) as raised:
        here.write("lstm", V1, FILES)
    told += [str(raised.value), caplog.text]
    assert "***" in str(raised.value)
    assert not [line for line in told if "canary" in line]


def test_the_line_end_of_a_tokens_file_is_no_part_of_the_token(hub, tmp_path):
    hub.machine(tmp_path, f"{ALICE}\n").write("lstm", V1, FILES)
    assert V1 in hub.repos["alice/lstm"].branches


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import resources.models.sync
from resources.models.hub import HubModelStore
from resources.models.local import LocalModelStore
assert not {"huggingface_hub", "httpx2", "torch"} & set(sys.modules)
def store(name, token):
    return HubModelStore(LocalModelStore(Path(sys.argv[3]) / name), {"lstm": "alice/lstm"}, sys.argv[2], lambda: token)
here, there, nobody = store("a", sys.argv[4]), store("b", sys.argv[4]), store("c", None)
here.write("lstm", "v1", {"weights.safetensors": b"w"})
here.set_current("lstm", "v1")
there.read("lstm", "v1")
try:
    nobody.versions("lstm")
except Exception as error:
    assert type(error).__name__ == "ConfigurationError"
else:
    raise SystemExit("the machine's login was used")
from huggingface_hub import constants
assert not constants.HF_HUB_DISABLE_XET and not constants.HF_HUB_DISABLE_IMPLICIT_TOKEN, "as it was for others"
"""


def test_the_machines_login_its_home_and_its_name_are_left_alone(hub, tmp_path):
    home, models = tmp_path / "home", tmp_path / "models"
    (home / "hf").mkdir(parents=True)
    (home / "hf" / "token").write_text(READER)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "XDG_"))}
    environment |= {"HOME": str(home), "HF_HOME": str(home / "hf"), "HF_ENDPOINT": hub.url, "TMPDIR": str(tmp_path)}
    environment |= {"HF_OIDC_RESOURCE": "makes the library fail where it looks for a login"}
    root = Path(__file__).parents[2]
    subprocess.run(
        [sys.executable, "-c", SCRIPT, str(root), hub.url, str(models), ALICE], check=True, env=environment, timeout=120
    )
    assert [path.name for path in home.rglob("*")] == ["hf", "token"]
    assert {path.name for path in tmp_path.iterdir()} == {"home", "models"}, "temporary files are gone"
    assert not [request for request in hub.seen if READER in request.headers.get("authorization", "")]
    assert not [request for request in hub.seen if "agent" in request.path or "torch" in request.headers["user-agent"]]


# Whatever the Hub answers.


PARTS = ["/revision/", "/refs", "/commits/", "/branch/", "/preupload/", "/commit/", "/batch", "/create", "/resolve/"]
WILD = ANYTHING | st.sampled_from([b"", b"<html></html>", b"\xff\xfe", b"{"])


@given(
    answers=st.dictionaries(st.sampled_from(PARTS), st.tuples(WILD, st.sampled_from([200, 201, 302, 404])), min_size=1)
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_hub_that_answers_nonsense_breaks_nothing_in_words_of_its_own(tmp_path_factory, answers):
    with HubServer() as hub:
        folder = tmp_path_factory.mktemp("wild")
        hub.machine(folder / "good").write("lstm", V1, FILES)
        for part, (body, status) in answers.items():
            for method in ("GET", "HEAD", "POST"):
                hub.plant(method, part, *[instead(Reply(body, status))] * 9)
        store = hub.machine(folder / "here")
        for ask in (
            lambda: store.read("lstm", V1),
            lambda: store.write("lstm", V2, OTHER),
            lambda: store.set_current("lstm", V2),
            lambda: sync(store),
        ):
            with suppress(LearnFinanceError):
                ask()
        if store.local.has("lstm", V1):
            assert dict(store.local.read("lstm", V1)) == FILES
        assert dict(store.local.read("lstm", V2)) == OTHER
