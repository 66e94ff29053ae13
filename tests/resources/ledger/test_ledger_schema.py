import fcntl
import sqlite3
import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from memory_trials import a_trial
from sqlalchemy import event, inspect

from learnfinance_dagster.errors import ConfigurationError, TransientError
from resources.ledger import open_ledger, open_trials, schema
from resources.ledger.database import engine_at
from resources.ledger.schema import HEAD, upgrade
from resources.ledger.sql import SqlLedger
from resources.ledger.tables import metadata


@pytest.fixture
def file(tmp_path):
    return tmp_path / "new" / "folder" / "ledger.sqlite"


@pytest.fixture
def url(file):
    return f"sqlite:///{file}"


def test_the_migrations_make_the_tables_that_the_code_uses(url):
    engine = SqlLedger(url).engine
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    made = inspect(engine)
    for table in metadata.tables.values():  # what the comparison above does not look at
        assert made.get_pk_constraint(table.name)["constrained_columns"] == [c.name for c in table.primary_key], table
        keys = {tuple(key["constrained_columns"]) for key in made.get_foreign_keys(table.name)}
        assert keys == {tuple(key.column_keys) for key in table.foreign_key_constraints}, table


def test_a_ledger_of_the_first_revision_keeps_what_it_holds_and_gets_the_register(url, file, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(schema, "HEAD", "0001")
        open_ledger(url)
    attempt = ("hrp", "paper:2025-12-29", 1, "2025-12-29", "{}", "{}")
    with sqlite3.connect(file) as connection:
        connection.execute("INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?)", attempt)
    with engine_at(url).connect() as connection:
        assert not inspect(connection).has_table("trials")

    for _ in range(2):
        open_trials(url).record(a_trial())
        open_ledger(url)

    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT * FROM attempts").fetchall() == [attempt]
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
    assert open_trials(url).trials() == (a_trial(),)


def test_the_code_knows_its_newest_migration():
    config = Config()
    config.set_main_option("script_location", "resources.ledger:migrations")
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_a_ledger_of_newer_code_is_left_alone_and_says_so(url, file):
    open_ledger(url)
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigurationError, match="revision 9999, which this code does not know: update the code"):
        open_ledger(url)


def test_opening_leaves_nothing_half_made_when_the_tables_are_somebody_elses(url, file):
    file.parent.mkdir(parents=True)
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE equity_marks (mine TEXT)")
    with pytest.raises(ConfigurationError, match="table equity_marks already exists"):
        open_ledger(url)
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall() == [
            ("equity_marks",)
        ]


def test_the_tables_are_made_while_every_other_opener_waits(url, file):
    engine = engine_at(url)
    found_locked = []

    def look(_connection, _cursor, statement, *_rest):
        if "CREATE TABLE" in statement:
            (lock,) = (file.parent / "locks").iterdir()
            with lock.open() as other, pytest.raises(BlockingIOError):
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            found_locked.append(statement)

    event.listen(engine, "before_cursor_execute", look)
    upgrade(engine)

    assert len(found_locked) == len(metadata.tables) + 1, "and Alembic's own"


def test_readers_are_not_in_the_way_of_a_writer_and_what_is_committed_is_on_the_disk(url):
    with engine_at(url).connect() as connection:
        pass
    with SqlLedger(url).engine.connect() as connection:
        told = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        ]
    assert told == ["wal", 1, 2, 30_000]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ledger.sqlite", "no SQLAlchemy URL"),
        ("sqlite://", "must name a SQLite file"),
        ("sqlite:///:memory:", "must name a SQLite file"),
        ("mysql://somewhere/db", "is of kind mysql"),
        ("sqlite:////dev/null/ledger.sqlite", "folder cannot be made"),
    ],
)
def test_a_url_that_is_of_no_use_is_explained(url, words):
    with pytest.raises(ConfigurationError, match=words):
        open_ledger(url)


def test_a_file_that_is_no_database_is_explained(url, file):
    file.parent.mkdir(parents=True)
    file.write_text("dear diary, " * 100)
    with pytest.raises(ConfigurationError, match="file is not a database"):
        open_ledger(url)


def test_a_server_that_is_not_there_may_be_tried_again_and_its_password_is_not_printed():
    with pytest.raises(TransientError) as caught:
        open_ledger("postgresql+psycopg2://me:s3cret@127.0.0.1:1/ledger")
    assert "s3cret" not in str(caught.value)


def test_naming_the_ledger_loads_no_database_library():
    script = "import sys, resources.ledger; print([m for m in ('sqlalchemy', 'alembic') if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"
