"""Every setting, in one frozen tree: parameters, paths, and which adapter to use. Never a secret.

Each field is an environment variable with the prefix `LEARNFINANCE_`; nested ones with two underscores, e.g.
`LEARNFINANCE_ORDERS__MAX_TURNOVER=0.5`. Only `definitions.py`, `wiring.py` and the commands read this module.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.parameters import (
    AllocationParameters,
    EndpointParameters,
    FinbertParameters,
    ForecastParameters,
    LanguageParameters,
    LiveParameters,
    MailParameters,
    OrderParameters,
    PolicyParameters,
    PracticeParameters,
    SignalParameters,
    UniverseParameters,
)

REPOSITORY = Path(__file__).resolve().parents[1]


def _without_password(url: str) -> str:
    if urlsplit(url).password:
        msg = "keep the password out of the URL: PGPASSWORD or a .pgpass file is read by the driver itself"
        raise ValueError(msg)
    return url


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


PLAIN_NAMES: dict[str, tuple[str, str, Callable[[str], Any]]] = {
    "EMAIL_TO": ("mail", "to", _list),
    "EMAIL_CC": ("mail", "cc", _list),
    "STORAGE_BACKEND": ("", "models", lambda text: {"hf": "hub"}.get(text, text)),
}
"""Variables without our prefix that people know from elsewhere: group, field, and what the text becomes."""


class _PlainNames(PydanticBaseSettingsSource):
    """`PLAIN_NAMES` as a source of settings; ours, with the prefix, count more."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """Nothing: all is said by calling."""
        del field
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """What the variables say; blank ones say nothing."""
        found: dict[str, Any] = {}
        for name, (group, field, meaning) in PLAIN_NAMES.items():
            if text := os.environ.get(name, "").strip():
                place = found.setdefault(group, {}) if group else found
                place[field] = meaning(text)
        return found


class Settings(BaseSettings):
    """The root of the tree."""

    model_config = SettingsConfigDict(
        env_prefix="LEARNFINANCE_",
        env_nested_delimiter="__",
        frozen=True,
        extra="ignore",
        env_file=None,
        hide_input_in_errors=True,  # what was refused may be a secret in the wrong place
    )

    market: Literal["practice", "directory", "live"] = "practice"
    market_directory: Path | None = Field(default=None, description="folder of Parquet files, for market=directory")
    news: Literal["market", "alpaca", "yahoo"] = Field(default="market", description="where articles come from")
    fundamentals: Literal["market", "edgar", "alpha_vantage"] = Field(
        default="market", description="where filings come from"
    )
    sentiment: Literal["vader", "finbert"] = Field(default="vader", description="which model reads the articles")
    models: Literal["local", "hub"] = Field(
        default="local", description="where trained models are kept; hub: on Hugging Face too, with HF_TOKEN"
    )
    hub_owner: str = Field(default="", description="user on Hugging Face whose private repositories hold models")
    edgar_user_agent: str = Field(default="", description="your name and e-mail: the SEC asks every client for it")
    data: Path = Field(default=REPOSITORY / "data", description="where everything that is made at run time lives")
    broker: Literal["simulated", "alpaca"] = Field(
        default="simulated", description="who keeps the accounts of `alpaca_accounts`; all others are simulated"
    )
    alpaca_accounts: dict[str, str] = Field(
        default={"hrp": "HRP", "ppo_lstm": "PPO", "sac_patchtst": "SAC"},
        description="account → X of its credentials ALPACA_X_KEY and ALPACA_X_SECRET, as JSON",
    )
    real_money: dict[str, str] = Field(
        default={}, description="account → address at which its orders spend real money, as JSON; none: all on paper"
    )
    trading: Literal["on", "off"] = Field(default="on", description="off: every run is a dry run")
    market_clock: Literal["first_session", "decision"] = Field(
        default="first_session",
        description="how far a run may look to learn its simulated orders' fate; decision: not beyond as_of, as live",
    )
    ledger_url: Annotated[str, AfterValidator(_without_password)] | None = Field(
        default=None, description="SQLAlchemy URL without a password; default: SQLite beside the artifacts"
    )
    initial_cash: int = Field(default=100_000, gt=0, description="USD each simulated account starts with")
    cost_bps_per_side: float = Field(default=5.0, ge=0)
    seed: int = 7
    schedule_status: Literal["running", "stopped"] = "stopped"
    practice: PracticeParameters = PracticeParameters()
    live: LiveParameters = LiveParameters()
    universe: UniverseParameters = UniverseParameters()
    allocation: AllocationParameters = AllocationParameters()
    orders: OrderParameters = OrderParameters()
    signals: SignalParameters = SignalParameters()
    finbert: FinbertParameters = FinbertParameters()
    language: LanguageParameters = LanguageParameters()
    forecasting: ForecastParameters = ForecastParameters()
    policies: PolicyParameters = PolicyParameters()
    allocators: tuple[str, ...] = Field(default=(), description="which allocators have an account; none: all")
    endpoints: EndpointParameters = EndpointParameters()
    mail: MailParameters = MailParameters()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then our variables, then those without our prefix."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, _PlainNames(settings_cls)

    @classmethod
    def from_environment(cls) -> "Settings":
        """The settings that the environment spells out.

        Raises:
            ConfigurationError: a value is wrong, or a variable with our prefix names no setting: with
                `LEARNFINANCE_TRADNG=off` nothing must trade.
        """
        prefix = "LEARNFINANCE_"
        ours = [name.upper() for name in os.environ if name.upper().startswith(prefix)]
        unknown = [name for name in ours if name.removeprefix(prefix).split("__")[0].lower() not in cls.model_fields]
        unknown = [name for name in unknown if not name.startswith(f"{prefix}TEST_")]
        if unknown:
            msg = (
                f"no such setting: {', '.join(sorted(unknown))}; the settings are {', '.join(sorted(cls.model_fields))}"
            )
            raise ConfigurationError(msg)
        try:
            return cls()
        except ValidationError as error:
            faults = [
                f"{prefix}{'__'.join(map(str, fault['loc'])).upper()}: {fault['msg']}" for fault in error.errors()
            ]
            raise ConfigurationError("; ".join(faults)) from None
        except SettingsError:  # a list or a table that is no JSON; the library does not say which
            msg = f"{', '.join(_no_json(cls, prefix)) or 'a setting'}: lists and tables are JSON, see .env.example"
            raise ConfigurationError(msg) from None

    @model_validator(mode="after")
    def _invented_names_are_asked_of_nobody(self) -> "Settings":
        """Some invented tickers are real companies, whose news would stand beside invented prices."""
        asked = {"NEWS": self.news != "market", "FUNDAMENTALS": self.fundamentals != "market"}
        asked["BROKER"] = self.broker != "simulated"
        for name, real in asked.items():
            if self.market == "practice" and real:
                chosen = getattr(self, name.lower())
                msg = (
                    f"the practice market's names are invented: LEARNFINANCE_{name}={chosen} needs"
                    " LEARNFINANCE_MARKET=directory or live"
                )
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _accounts_are_not_mixed_up(self) -> "Settings":
        """One account at Alpaca is one account here, and real money is spelled out for an account that is there."""
        prefixes = list(self.alpaca_accounts.values())
        shared = sorted({prefix for prefix in prefixes if prefixes.count(prefix) > 1})
        if shared:
            msg = f"LEARNFINANCE_ALPACA_ACCOUNTS gives several accounts the credentials {', '.join(shared)}"
            raise ValueError(msg)
        astray = [] if self.broker == "alpaca" else sorted(self.real_money)
        astray += sorted(set(self.real_money) - set(self.alpaca_accounts) - set(astray))
        if astray:
            msg = (
                f"LEARNFINANCE_REAL_MONEY names {', '.join(astray)}, which LEARNFINANCE_BROKER does not keep at Alpaca"
            )
            raise ValueError(msg)
        return self

    @property
    def market_name(self) -> str:
        """Names the folder that keeps the artifacts of different markets apart."""
        if self.market != "directory" or self.market_directory is None:
            return self.market
        return f"directory-{self.market_directory.resolve().name}"

    @property
    def root(self) -> Path:
        """Folder of this market's artifacts, ledger and outbox."""
        return self.data / self.market_name


def _no_json(settings: type[Settings], prefix: str) -> list[str]:
    """Variables whose values should be JSON and are not."""
    fields = {f"{prefix}{name.upper()}": field for name, field in settings.model_fields.items()}
    groups = {name: field.default for name, field in fields.items() if isinstance(field.default, BaseModel)}
    fields |= {
        f"{name}__{inner.upper()}": field
        for name, group in groups.items()
        for inner, field in type(group).model_fields.items()
    }
    defaults = {name: field.get_default(call_default_factory=True) for name, field in fields.items()}
    said = {name: value for name, value in os.environ.items() if name.upper() in defaults}
    return sorted(
        name
        for name, value in said.items()
        if isinstance(defaults[name.upper()], (tuple, list, dict, BaseModel)) and not _is_json(value)
    )


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
