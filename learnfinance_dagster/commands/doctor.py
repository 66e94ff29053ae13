"""`make doctor`: each port, its adapter, whether it is reachable, and what is missing. No secret is told."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from learnfinance_dagster.commands.env_file import ENV_FILE, quarrels
from learnfinance_dagster.errors import LearnFinanceError
from learnfinance_dagster.settings import Settings
from learnfinance_dagster.wiring import broker_door, ledger_door, mailer_door, market_door, parameters
from resources import probes
from resources.credentials import CREDENTIALS, secret

WORKERS = 12
ADAPTER = "how"


@dataclass(frozen=True, slots=True)
class Probe:
    """One row of the table."""

    port: str
    adapter: str
    look: Callable[[], str]
    """Says what it sees, or raises one of our errors."""
    credentials: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What a probe saw."""

    probe: Probe
    works: bool
    told: str


def probes_of(settings: Settings) -> list[Probe]:
    """A probe for each port, in the adapter that settings name; one more adapter is one line in its port's function."""
    return [
        _market(settings),
        _news(settings),
        _filings(settings),
        _sentiment(settings),
        *_brokers(settings),
        _language_model(settings),
        _mail(settings),
        _models(settings),
        Probe("ledger", "database", partial(probes.database, ledger_door(settings).url), _database_secrets(settings)),
        Probe("Dagster storage", "by DAGSTER_HOME", partial(probes.dagster_storage, os.environ.get("DAGSTER_HOME"))),
    ]


def _market(s: Settings) -> Probe:
    looks: Mapping[str, Callable[[], str]] = {
        "practice": partial(probes.writable, s.root / "market"),
        "directory": partial(probes.folder, s.market_directory, "bars.parquet"),
        "live": partial(probes.live_market, s.live, s.endpoints),
    }
    asks_alpaca = s.market == "live" and s.live.prices == "alpaca"
    return Probe("market", s.market, looks[s.market], _if(asks_alpaca, "ALPACA_API_KEY", "ALPACA_API_SECRET"))


def _news(s: Settings) -> Probe:
    looks: Mapping[str, Callable[[], str]] = {
        "market": partial(probes.embedded, "comes with the market"),
        "alpaca": partial(probes.alpaca_data, s.endpoints.alpaca_data),
        "yahoo": partial(probes.reachable, s.endpoints.yahoo),
    }
    return Probe("news", s.news, looks[s.news], _if(s.news == "alpaca", "ALPACA_API_KEY", "ALPACA_API_SECRET"))


def _filings(s: Settings) -> Probe:
    looks: Mapping[str, Callable[[], str]] = {
        "market": partial(probes.embedded, "comes with the market"),
        "edgar": partial(probes.edgar, s.endpoints.edgar, s.edgar_user_agent),
        "alpha_vantage": partial(probes.alpha_vantage, s.endpoints.alpha_vantage),
    }
    needed = _if(s.fundamentals == "alpha_vantage", "ALPHA_VANTAGE_API_KEY")
    return Probe("filings", s.fundamentals, looks[s.fundamentals], needed)


def _sentiment(s: Settings) -> Probe:
    looks: Mapping[str, Callable[[], str]] = {
        "vader": probes.embedded,
        "finbert": partial(probes.finbert, s.finbert.model),
    }
    return Probe("sentiment", s.sentiment, looks[s.sentiment])


def _brokers(s: Settings) -> Iterable[Probe]:
    if s.broker == "simulated":
        yield Probe("broker", "simulated", partial(probes.writable, s.root / "broker"))
        return
    door = broker_door(s, market_door(s), parameters(s))
    for account, prefix in s.alpaca_accounts.items():
        names = (f"ALPACA_{prefix}_KEY", f"ALPACA_{prefix}_SECRET")
        yield Probe(f"broker {account}", s.broker, partial(probes.broker, door, account), names)


def _language_model(s: Settings) -> Probe:
    adapter = s.language.adapter
    if adapter == "template":
        return Probe("language model", adapter, probes.embedded)
    look = partial(probes.language_model, s.language)
    return Probe("language model", adapter, look, _if(adapter == "openai", "OPENAI_API_KEY"))


def _mail(s: Settings) -> Probe:
    if s.mail.send == "outbox":
        return Probe("mail", "outbox", partial(probes.writable, s.root / "outbox"))
    readers = partial(probes.mail, mailer_door(s), s.mail.to)
    return Probe("mail", "smtp", readers, ("SMTP_USER", "SMTP_PASSWORD"))


def _models(s: Settings) -> Probe:
    if s.models == "local":
        return Probe("models", "local", partial(probes.writable, s.root / "models"))
    look = partial(probes.hub, s.endpoints.hugging_face, s.hub_owner)
    return Probe("models, sentiment history", "hub", look, ("HF_TOKEN",))


def _database_secrets(s: Settings) -> Sequence[str]:
    return _if(bool(s.ledger_url and s.ledger_url.startswith("postgresql")), "PGPASSWORD")


def _if(asked: bool, *names: str) -> Sequence[str]:  # noqa: FBT001
    return names if asked else ()


def find(wanted: Sequence[Probe]) -> list[Finding]:
    """What all probes see, looked at in parallel, in their order."""
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(_look, wanted))


def _look(probe: Probe) -> Finding:
    try:
        return Finding(probe, works=True, told=probe.look())
    except LearnFinanceError as error:
        return Finding(probe, works=False, told=str(error))
    except Exception as error:  # noqa: BLE001  a bug in one adapter must not hide what the others say
        return Finding(probe, works=False, told=f"unexpected {type(error).__name__}")


def doctor() -> int:
    """Print the table; 1 when something that settings name does not work."""
    settings = Settings.from_environment()
    findings = find(probes_of(settings))
    rows = [("port", ADAPTER, "works", "credentials", "what was seen")]
    rows += [_row(finding) for finding in findings]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        sys.stdout.write(f"{'  '.join(cells)}  {row[4]}\n")
    for line in (*_missing(findings), *_quarrels()):
        sys.stdout.write(f"{line}\n")
    return 0 if all(finding.works for finding in findings) else 1


def _row(finding: Finding) -> tuple[str, str, str, str, str]:
    states = [f"{name} {'set' if secret(name) else 'NOT SET'}" for name in finding.probe.credentials]
    works = "yes" if finding.works else "NO"
    return finding.probe.port, finding.probe.adapter, works, ", ".join(states), " ".join(finding.told.split())


def _missing(findings: Iterable[Finding]) -> list[str]:
    """Where to get what is not set and would be used."""
    how = {credential.name: credential.how for credential in CREDENTIALS}
    names = dict.fromkeys(name for finding in findings for name in finding.probe.credentials if not secret(name))
    return [f"{name}: {how.get(name, 'made by the vendor, see the README')}" for name in names]


def _quarrels() -> list[str]:
    return [
        f"{name} is another in {ENV_FILE.name} than in the environment: commands take the environment's, `dagster dev`"
        f" takes the file's"
        for name in quarrels()
    ]
