"""Looking whether what settings name is there: short, side-effect free, and without telling a secret.

Each probe returns what it saw in a few words, or raises one of our errors. `commands/doctor.py` lists them.
"""

import os
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path

from learnfinance_dagster.errors import ConfigurationError, TransientError
from learnfinance_dagster.orchestration.handles import BrokerDoor
from learnfinance_dagster.parameters import EndpointParameters, LanguageParameters, LiveParameters
from resources.credentials import needed, secret
from resources.doors import SmtpDoor

QUICK = (3.0, 5.0)
"""Seconds to connect and between two pieces of an answer."""
WHOLE = 10.0
POSTGRES_URL = "DAGSTER_POSTGRES_URL"
REACHED = "answers"


def embedded(told: str = "needs nothing") -> str:
    """What is in every installation."""
    return told


def folder(path: Path | None, file: str = "") -> str:
    """A folder that must be there."""
    if path is None:
        raise ConfigurationError("no folder is named")
    if not (path / file).exists():
        msg = f"{path / file} is not there"
        raise ConfigurationError(msg)
    return f"{path.name} is there"


def writable(path: Path) -> str:
    """A folder that is made when it is first used."""
    there = next(each for each in (path, *path.parents) if each.exists())
    if not os.access(there, os.W_OK):
        msg = f"{there} cannot be written to"
        raise ConfigurationError(msg)
    return "is there" if there == path else "made when first used"


def website(url: str, headers: Mapping[str, str] | None = None, params: Mapping[str, str] | None = None) -> str:
    """An address that answers a GET with JSON."""
    from resources.http import PatientSession

    session = PatientSession(attempts=1, timeout=QUICK, whole=WHOLE)
    session.get(url, headers=dict(headers or {}), params=dict(params or {}))
    return REACHED


def reachable(url: str) -> str:
    """An address at which somebody listens; nothing is asked of them."""
    import socket
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    trouble = ""
    try:
        socket.create_connection((host, port), timeout=QUICK[0]).close()
    except OSError as error:
        trouble = type(error).__name__
    if trouble:
        msg = f"{host}:{port} is not reached ({trouble})"
        raise TransientError(msg)
    return "somebody listens; nothing was asked"


def alpaca_data(url: str) -> str:
    """Alpaca's data, with the credentials of any account."""
    headers = {
        "APCA-API-KEY-ID": needed("ALPACA_API_KEY"),
        "APCA-API-SECRET-KEY": needed("ALPACA_API_SECRET"),
    }
    return website(f"{url}/v1beta1/news", headers, {"limit": "1"})


def live_market(parameters: LiveParameters, endpoints: EndpointParameters) -> str:
    """Whoever is asked for prices, and the first who is asked what funds hold."""
    prices = alpaca_data(endpoints.alpaca_data) if parameters.prices == "alpaca" else reachable(endpoints.yahoo)
    addresses = {"sp_funds": endpoints.sp_funds, "wahed": endpoints.wahed, "yahoo": endpoints.yahoo}
    first = parameters.holdings[0] if parameters.holdings else "yahoo"
    holdings = reachable(addresses[first])
    return f"prices, {parameters.prices}: {prices}; holdings, {first}: {holdings}"


def edgar(url: str, user_agent: str) -> str:
    """The SEC, which wants to know who asks; nothing is asked of it here."""
    if "@" not in user_agent:
        raise ConfigurationError("LEARNFINANCE_EDGAR_USER_AGENT must hold your name and e-mail")
    return reachable(url)


def alpha_vantage(url: str) -> str:
    """Its 25 calls a day are too few to spend one here."""
    needed("ALPHA_VANTAGE_API_KEY")
    return reachable(url)


def broker(door: BrokerDoor, account: str) -> str:
    """An account, read and left as it is; how much money is in it is nobody's business here."""
    found = door.open(account).account(datetime.now(UTC))
    return f"{len(found.positions)} positions, {len(found.open_orders)} open orders"


def mail(door: SmtpDoor, to: Collection[str]) -> str:
    """The mail server, up to and with the login; nothing is sent."""
    if not to:
        raise ConfigurationError("nobody is named to get letters: set EMAIL_TO")
    return door.open().check()


def finbert(model: str) -> str:
    """The weights, on this disk already or to be fetched."""
    if Path(model).is_dir():
        return f"{Path(model).name} is there"
    from huggingface_hub import try_to_load_from_cache

    if isinstance(try_to_load_from_cache(model, "config.json"), str):
        return f"{model} is on this disk"
    raise ConfigurationError(f"{model} is not on this disk: it is fetched when first used, which needs the network")  # noqa: EM102


def hub(endpoint: str, owner: str) -> str:
    """Hugging Face, and whose token it is."""
    from resources.models.hub_repository import whoami

    needed("HF_TOKEN")
    if not owner:
        raise ConfigurationError("LEARNFINANCE_HUB_OWNER is not set: your user name on Hugging Face")
    return f"knows the token of {whoami(endpoint, lambda: secret('HF_TOKEN'))}"


def language_model(parameters: LanguageParameters) -> str:
    """Whether the address lists models to whoever has the key; nothing is written there."""
    if parameters.adapter == "ollama":
        from resources.language.ollama import ADDRESS

        return website(f"{(parameters.base_url or ADDRESS).rstrip('/')}/api/tags")
    from resources.language.openai import ADDRESS

    key = needed("OPENAI_API_KEY") if parameters.adapter == "openai" else secret("COMPATIBLE_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return website(f"{(parameters.base_url or ADDRESS).rstrip('/')}/models", headers)


def database(url: str) -> str:
    """The ledger's database: connected to and left; a SQLite file that is not there is not made."""
    if url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///"))
        return f"{path.name} is there" if path.exists() else f"{path.name} is {writable(path)}"
    from resources.postgres import check_answers

    check_answers(url)
    return REACHED


def dagster_storage(home: str | None) -> str:
    """Where Dagster keeps runs and events; a fresh home is not made."""
    if not home:
        raise ConfigurationError("DAGSTER_HOME is not set: use make, or export DAGSTER_HOME=$PWD")
    path = Path(home) / "dagster.yaml"
    if not path.exists():
        msg = f"there is no dagster.yaml in DAGSTER_HOME ({home})"
        raise ConfigurationError(msg)
    import yaml

    storage = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("storage") or {}
    if "postgres" not in storage:
        return "SQLite, in files"
    url = os.environ.get(POSTGRES_URL)
    if not url:
        msg = f"{path} wants PostgreSQL, and {POSTGRES_URL} is not set"
        raise ConfigurationError(msg)
    return f"PostgreSQL {database(url)}"
