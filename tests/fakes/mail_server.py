"""A mail server on this machine: aiosmtpd, encrypted as asked, misbehaving as scripted."""
# ruff: noqa: ARG002, N802  the names and arguments of handlers are aiosmtpd's

import asyncio
import shutil
import socket
import ssl
import subprocess
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from threading import Thread

import pytest
from aiosmtpd.smtp import SMTP, AuthResult

USER, PASSWORD = "alice@localhost", "app-password-canary"
HERE = "127.0.0.1"


@dataclass
class Handler:
    """What the server answers at each step; a text is a refusal."""

    hello: str = ""
    sender: str = ""
    recipients: dict[str, str] = field(default_factory=dict)
    after_data: str = ""
    hang_up: str = ""
    """`before` or `after` the letter is kept."""
    silence: float = 0.0
    """Seconds before the answer to the letter, which is kept."""
    letters: list[tuple[tuple[str, ...], bytes]] = field(default_factory=list)
    """Recipients and content."""

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        return [self.hello] if self.hello else responses

    async def handle_HELO(self, server, session, envelope, hostname):
        session.host_name = hostname
        return self.hello or "250 here"

    async def handle_MAIL(self, server, session, envelope, address, mail_options):
        if self.sender:
            return self.sender
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if address in self.recipients:
            return self.recipients[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.after_data:
            return self.after_data
        if self.hang_up == "before":
            server.transport.abort()
            return "250 never said"
        self.letters.append((tuple(envelope.rcpt_tos), envelope.content))
        if self.hang_up:
            server.transport.abort()
        await asyncio.sleep(self.silence)
        return "250 taken"

    @property
    def messages(self):
        return [message_from_bytes(content, policy=policy.default) for _, content in self.letters]


class MailServer:
    """`with MailServer("ssl") as server: ... server.handler.letters`."""

    def __init__(self, security="none", *, users=None, offers_tls=True):
        self.handler, self.security = Handler(), security
        self._users = {USER: PASSWORD} if users is None else users
        self._offers_tls = offers_tls
        self.login_answer = ""
        self._loop = asyncio.new_event_loop()

    def __enter__(self):
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(10)
        return self

    def __exit__(self, *_error):
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _serve(self):
        tls = server_context() if self.security == "starttls" and self._offers_tls else None

        def session():
            return SMTP(
                self.handler,
                hostname="localhost",
                tls_context=tls,
                require_starttls=tls is not None,
                authenticator=self._may,
                auth_require_tls=tls is not None,
                loop=self._loop,
            )

        context = server_context() if self.security == "ssl" else None
        self._server = await self._loop.create_server(session, HERE, 0, ssl=context)
        return self._server.sockets[0].getsockname()[1]

    async def _stop(self):
        self._server.close()
        for task in asyncio.all_tasks(self._loop) - {asyncio.current_task()}:
            task.cancel()

    def _may(self, _server, _session, _envelope, _mechanism, data):
        if self.login_answer:
            return AuthResult(success=False, handled=False, message=self.login_answer.format(data=data))
        known = self._users.get(data.login.decode()) == data.password.decode()
        return AuthResult(success=known, handled=False)


class RawServer:
    """Says these bytes to whoever connects, `drip` seconds apart, and then nothing."""

    def __init__(self, words=b"", *, drip=0.0, reset=False):
        self._words, self._drip, self._reset = words, drip, reset
        self._socket = socket.create_server((HERE, 0))
        self.port = self._socket.getsockname()[1]

    def __enter__(self):
        Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_error):
        self._socket.close()

    def _serve(self):
        import struct
        import time

        kept = []
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            try:
                if self._drip:
                    for byte in self._words:
                        connection.sendall(bytes([byte]))
                        time.sleep(self._drip)
                else:
                    connection.sendall(self._words)
            except OSError:
                continue
            if self._reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()
            else:
                kept.append(connection)


@cache
def certificate():
    """A certificate of this machine and its key, made once."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the server's certificate, is not on this machine")
    folder = Path(mkdtemp(prefix="certificate-"))
    subprocess.run(
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
        f" -addext subjectAltName=DNS:localhost,IP:{HERE} -keyout {folder}/key.pem -out {folder}/cert.pem".split(),
        check=True,
        capture_output=True,
    )
    return folder / "cert.pem", folder / "key.pem"


@cache
def server_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate())
    return context


def trusting():
    """A client's context that trusts that certificate, and no other."""
    return ssl.create_default_context(cafile=str(certificate()[0]))
