"""Every secret that any adapter can use: its name in the environment, what it is for, and where to get one.

Secrets are read here when they are needed, and nowhere else; they are no settings, so nothing stores or shows them.
`make doctor`, `.env.example` and the test that plants canaries all walk `CREDENTIALS`.
"""

import os
from dataclasses import dataclass

from learnfinance_dagster.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Credential:
    """One secret."""

    name: str
    """Environment variable."""
    port: str
    """What it opens, in the words of `make doctor`, e.g. `broker hrp`."""
    how: str
    """Where a person gets one."""


ALPACA_PAPER = "app.alpaca.markets → Paper account → API Keys → Generate; a paper account each for HRP, PPO and SAC"
CREDENTIALS: tuple[Credential, ...] = (
    Credential("ALPACA_API_KEY", "alpaca data", "app.alpaca.markets → API Keys; any account's key reads data"),
    Credential("ALPACA_API_SECRET", "alpaca data", "shown once, together with the key"),
    Credential("ALPACA_HRP_KEY", "broker HRP", ALPACA_PAPER),
    Credential("ALPACA_HRP_SECRET", "broker HRP", "shown once, together with the key"),
    Credential("ALPACA_PPO_KEY", "broker PPO", ALPACA_PAPER),
    Credential("ALPACA_PPO_SECRET", "broker PPO", "shown once, together with the key"),
    Credential("ALPACA_SAC_KEY", "broker SAC", ALPACA_PAPER),
    Credential("ALPACA_SAC_SECRET", "broker SAC", "shown once, together with the key"),
    Credential("ALPHA_VANTAGE_API_KEY", "alpha_vantage", "alphavantage.co → Get free API key"),
    Credential("OPENAI_API_KEY", "language model", "platform.openai.com → API keys → Create new secret key"),
    Credential(
        "COMPATIBLE_API_KEY",
        "language model",
        "whoever runs the address of LEARNFINANCE_LANGUAGE__BASE_URL; may be none",
    ),
    Credential("SMTP_USER", "mail", "the address that sends; for Gmail the whole address"),
    Credential(
        "SMTP_PASSWORD",
        "mail",
        "Gmail: switch on two-step verification, then myaccount.google.com → Security → App passwords",
    ),
    Credential("HF_TOKEN", "hugging face", "huggingface.co → Settings → Access Tokens → a token that may write"),
    Credential("PGPASSWORD", "postgres", "the password of the database's user; read by the driver itself"),
)


def secret(name: str) -> str | None:
    """The secret, or None where it is not set or blank."""
    return os.environ.get(name, "").strip() or None


def needed(name: str) -> str:
    """The secret.

    Raises:
        ConfigurationError: it is not set; the message says where to get one.
    """
    found = secret(name)
    if found is None:
        how = {credential.name: credential.how for credential in CREDENTIALS}.get(name, "see .env.example")
        msg = f"{name} is not set: {how}"
        raise ConfigurationError(msg)
    return found
