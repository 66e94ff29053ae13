"""`make up`: code server, daemon and web UI on PostgreSQL, in the foreground, stopped together."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from learnfinance_dagster.commands.demo import prepare, say
from learnfinance_dagster.commands.supervisor import Process, supervise
from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.settings import REPOSITORY, Settings
from learnfinance_dagster.wiring import ledger_door
from resources.postgres import check_answers

HOME = REPOSITORY / "deploy"
WORKSPACE = HOME / "workspace.yaml"
SOCKET = Path("data") / "dagster" / "code-server.sock"
"""Relative to the repository, as in the workspace file: a socket's path must be short."""
DAGSTER_URL, LEDGER_URL = "DAGSTER_POSTGRES_URL", "LEARNFINANCE_LEDGER_URL"
SCHEME = "postgresql+psycopg2"
ADVICE = f"{SCHEME}://user@host/database, with the password in PGPASSWORD or .pgpass; see deploy/README.md"


def up(port: int) -> int:
    """Check, migrate, start, and wait for the end; 1 when one of the processes died.

    Raises:
        ConfigurationError: a URL is absent or of no use, or the port is in use.
        TransientError: a server does not answer.
    """
    dagster_url = check_urls(os.environ)
    check_answers(dagster_url)
    os.environ["DAGSTER_HOME"] = str(HOME)
    os.chdir(REPOSITORY)
    ledger_door(Settings.from_environment()).open()
    _migrate()
    prepare(port)
    SOCKET.parent.mkdir(parents=True, exist_ok=True)
    SOCKET.unlink(missing_ok=True)  # of a code server that was killed
    code, daemon, ui = _processes(port)
    return supervise([code, daemon, ui], say)


def check_urls(environment: Mapping[str, str]) -> str:
    """Both databases are named, are PostgreSQL's and are two; answers Dagster's.

    Raises:
        ConfigurationError: one is not.
    """
    for name in (DAGSTER_URL, LEDGER_URL):
        parts = urlsplit(environment.get(name, ""))
        if parts.scheme != SCHEME:
            msg = f"make up needs {name}={ADVICE}"
            raise ConfigurationError(msg)
        if parts.password:
            msg = f"{name}: keep the password out of the URL, in PGPASSWORD or a .pgpass file"
            raise ConfigurationError(msg)
    if environment[DAGSTER_URL] == environment[LEDGER_URL]:
        msg = f"{DAGSTER_URL} and {LEDGER_URL} name the same database; each needs one of its own"
        raise ConfigurationError(msg)
    return environment[DAGSTER_URL]


def _program(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _run_dagster(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [_program("dagster"), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program


def _migrate() -> None:
    """Once, before anything runs beside it: several processes at once on a fresh storage break it."""
    done = _run_dagster("instance", "migrate")
    if done.returncode:
        msg = f"Dagster's storage cannot be brought up to date: {(done.stderr.strip().splitlines() or ['no word'])[-1]}"
        raise ConfigurationError(msg)


def _processes(port: int) -> tuple[Process, Process, Process]:
    where = ["-w", str(WORKSPACE)]
    module = ["-m", "learnfinance_dagster.definitions", "--location-name", "learnfinance"]
    return (
        Process(
            "code server",
            (_program("dagster"), "code-server", "start", "-s", str(SOCKET), *module),
            f"unix:{SOCKET}",
            _code_server_answers,
        ),
        Process("daemon", (_program("dagster-daemon"), "run", *where), "schedules, sensors and the queue of runs"),
        Process(
            "web UI",
            (_program("dagster-webserver"), "-h", "127.0.0.1", "-p", str(port), *where),
            f"http://127.0.0.1:{port}",
            lambda: _listens(port),
        ),
    )


def _code_server_answers() -> bool:
    """Whether the code is loaded; the other two would find an empty house otherwise."""
    return SOCKET.exists() and _run_dagster("api", "grpc-health-check", "-s", str(SOCKET)).returncode == 0


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
