"""A real PostgreSQL server for the tests, on a socket of its own, and as another user where root must not run it."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

USER = "learnfinance"
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "16MB"}
INITDB = ("-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
INITDB = ("-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
START_SECONDS = 30
MISSING = "no PostgreSQL server on this machine: apt-get install postgresql (the binaries are enough)"


def binaries() -> Path | None:
    """Folder of `initdb` and `postgres`, the newest there is."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    on_path = shutil.which("postgres")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


def _somebody_else() -> dict[str, Any]:
    """What `subprocess` needs to be told to run a server that refuses to be root."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    name = "postgres" if "postgres" in names else "nobody"
    return {"user": name, "group": pwd.getpwnam(name).pw_gid, "extra_groups": []}


@contextmanager
def running(bin_folder: Path) -> Iterator[str]:
    """A fresh server with one empty database; gives its URL, and leaves nothing behind."""
    who = _somebody_else()
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    if who:
        shutil.chown(folder, str(who["user"]))
    try:
        made = subprocess.run(
            [bin_folder / "initdb", "-D", folder / "data", "-U", USER, *INITDB],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            **who,
        )
        assert made.returncode == 0, made.stderr
        options = [word for name, value in FAST.items() for word in ("-c", f"{name}={value}")]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [bin_folder / "postgres", "-D", folder / "data", "-k", folder, "-c", "listen_addresses=", *options],
                stdout=log,
                stderr=log,
                cwd=folder,
                **who,
            )
        try:
            yield _ready(f"postgresql+psycopg2://{USER}@/postgres?host={folder}", server, folder / "log")
        finally:
            server.send_signal(signal.SIGQUIT)  # at once: what it holds is thrown away
            server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _ready(url: str, server: "subprocess.Popen[Any]", log: Path) -> str:
    import psycopg2

    until = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg2.connect(url.replace("+psycopg2", "")).close()
        except psycopg2.OperationalError:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        else:
            return url
