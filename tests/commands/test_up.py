"""What `make up` asks for before it starts anything, and Dagster's own storage on PostgreSQL."""

import sys

import dagster as dg
import pytest
import yaml

from learnfinance_dagster import __main__ as command_line
from learnfinance_dagster.commands import up as command
from learnfinance_dagster.commands.up import DAGSTER_URL, HOME, LEDGER_URL, SOCKET, WORKSPACE, check_urls
from learnfinance_dagster.errors import ConfigurationError, TransientError
from learnfinance_dagster.settings import REPOSITORY
from resources.postgres import check_answers

GOOD = {DAGSTER_URL: "postgresql+psycopg2://me@host/dagster", LEDGER_URL: "postgresql+psycopg2://me@host/ledger"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({DAGSTER_URL: None}, f"make up needs {DAGSTER_URL}=postgresql"),
        ({LEDGER_URL: None}, f"make up needs {LEDGER_URL}=postgresql"),
        ({LEDGER_URL: "sqlite:////data/ledger.sqlite"}, f"make up needs {LEDGER_URL}=postgresql"),
        ({DAGSTER_URL: "postgresql://me@host/dagster"}, r"postgresql\+psycopg2://user@host/database"),
        ({DAGSTER_URL: "postgresql+psycopg2://me:s3cret@host/dagster"}, "keep the password out of the URL"),
        ({LEDGER_URL: GOOD[DAGSTER_URL]}, "name the same database"),
    ],
)
def test_a_url_that_is_of_no_use_is_explained_and_never_printed_with_its_password(changes, words):
    environment = {name: value for name, value in (GOOD | changes).items() if value}
    with pytest.raises(ConfigurationError, match=words) as caught:
        check_urls(environment)
    assert "s3cret" not in str(caught.value)
    assert check_urls(GOOD) == GOOD[DAGSTER_URL]


def test_without_a_server_one_clear_line_is_said_and_nothing_is_started(monkeypatch, capsys):
    for name in GOOD:
        monkeypatch.setenv(name, f"postgresql+psycopg2://me@127.0.0.1:1/{name.lower()}")
    monkeypatch.setattr(command, "supervise", lambda *_: pytest.fail("it was started"))
    monkeypatch.setattr(sys, "argv", ["learnfinance_dagster", "up"])
    assert command_line.main() == 1
    told = capsys.readouterr().err
    assert told.startswith("TransientError: ledger, connect: ")
    assert "refused" in told


def test_a_database_that_is_not_there_is_named(postgres):
    with pytest.raises((ConfigurationError, TransientError), match='database "nowhere" does not exist'):
        check_answers(postgres.replace("/postgres?", "/nowhere?"))


def test_the_workspace_looks_where_the_code_server_listens():
    (server,) = yaml.safe_load(WORKSPACE.read_text(encoding="utf-8"))["load_from"]
    assert server["grpc_server"] == {"socket": str(SOCKET), "location_name": "learnfinance"}


def test_both_homes_differ_in_their_storage_alone():
    root, deploy = (yaml.safe_load((home / "dagster.yaml").read_text(encoding="utf-8")) for home in (REPOSITORY, HOME))
    assert deploy.pop("storage") == {"postgres": {"postgres_url": {"env": DAGSTER_URL}}}
    assert root.pop("storage").keys() == {"sqlite"}
    assert deploy == root


@dg.op
def says_a_word() -> str:
    return "word"


@dg.job
def small():
    says_a_word()


def test_dagster_remembers_its_runs_in_postgres(postgres_url, monkeypatch, tmp_path):
    monkeypatch.setenv(DAGSTER_URL, postgres_url)
    monkeypatch.chdir(tmp_path)  # logs of steps go below the folder in which it runs
    with dg.DagsterInstance.from_config(str(HOME)) as instance:
        instance.upgrade()
        assert small.execute_in_process(instance=instance).success
    with dg.DagsterInstance.from_config(str(HOME)) as again:
        (run,) = again.get_runs()
        assert (run.job_name, run.status) == ("small", dg.DagsterRunStatus.SUCCESS)
        assert [event.step_key for event in again.all_logs(run.run_id) if event.step_key]
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
