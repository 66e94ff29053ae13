"""A canary for every credential, and where to look for them: texts, exceptions with all their causes, folders."""

import json
import traceback
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

from vendor_server import Reply, Seen, VendorServer

from resources.credentials import CREDENTIALS

CANARIES = {
    credential.name: f"canary{place:02d}zq{'@localhost' if credential.name == 'SMTP_USER' else 'x7'}"
    for place, credential in enumerate(CREDENTIALS)
}


def plant(monkeypatch) -> dict[str, str]:
    """Set every credential to its canary; they have nothing in common with anything that may be told."""
    for name, canary in CANARIES.items():
        monkeypatch.setenv(name, canary)
    return CANARIES


def found(content: str | bytes) -> list[str]:
    """Credentials whose canary is in there, in any spelling that a program may use."""
    text = content.decode("latin1") if isinstance(content, bytes) else content
    return sorted(name for name, canary in CANARIES.items() if any(each in text for each in _spellings(canary)))


def _spellings(canary: str) -> set[str]:
    coded = b64encode(canary.encode()).decode().rstrip("=")
    return {canary, quote(canary, safe=""), json.dumps(canary)[1:-1], coded, canary.encode().hex(), canary[:10]}


def told_by(error: BaseException) -> str:
    """Everything that anybody can read off an exception: its traceback, and all causes, also those not shown."""
    parts, todo, seen = ["".join(traceback.format_exception(error))], [error], set()
    while todo:
        each = todo.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        parts += [str(each), repr(each), repr(each.args), repr(vars(each))]
        todo += [each.__cause__, each.__context__]
    return "\n".join(parts)


def found_in(folder: Path) -> dict[str, list[str]]:
    """File → credentials whose canary is in it; tables are unpacked first."""
    hits = {str(path.relative_to(folder)): found(_readable(path)) for path in folder.rglob("*") if path.is_file()}
    return {name: names for name, names in hits.items() if names}


def _readable(path: Path) -> str | bytes:
    if path.suffix == ".parquet":
        import pandas as pd

        return pd.read_parquet(path).to_csv()
    return path.read_bytes()


class Parrot(VendorServer):
    """Answers everything with what it was sent: `with Parrot(answer) as parrot`, `answer` one of `ANSWERS`."""

    def __init__(self, answer: str) -> None:
        super().__init__()
        self._answer = ANSWERS[answer]

    def _next(self, request: Seen) -> Reply:
        with self._lock:
            self.seen.append(request)
        return self._answer(request)


def _words(request: Seen) -> str:
    return f"I do not understand {request.headers} {request.query} {request.body.decode('latin1')}"


def _says(status: int):
    return lambda request: Reply(
        {"message": _words(request), "code": 1, "error": {"message": _words(request), "code": "x"}},
        status=status,
        headers={"X-Error-Message": quote(_words(request)[:500])},
    )


ANSWERS = {
    "refuses the credentials": _says(401),
    "forbids": _says(403),
    "refuses the request": _says(400),
    "does not know the address": _says(404),
    "asks to wait": _says(429),
    "fails": _says(500),
    "answers in another shape": _says(200),
    "answers no JSON": lambda request: Reply(_words(request).encode(), headers={"Content-Type": "text/html"}),
    "sends on": lambda request: Reply(
        b"", status=302, headers={"Location": f"http://127.0.0.1:9/?token={quote(_words(request)[:300])}"}
    ),
    "hangs up": lambda _request: Reply(reset=True),
}
"""What a vendor says, in every case with all that it was sent in its words."""
