"""All settings of the product: one YAML file, the environment above it, the command line above both.

Each package owns the model of its settings; here they are put together, read and checked. An error names the file
and line (or the variable), the key, the value and what is allowed. This module must not start anything.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings.exceptions import SettingsError

from agents.settings import AgentsSettings
from connector.settings import ConnectorSettings
from observability.logs import hide
from projections.settings import ProjectionsSettings
from tapeline.data_folder import data_home
from tapeline.errors import UsageError
from tapeline.recording.feed_settings import FeedSettings
from tapeline.secrets import paper_keys
from tapeline.yaml_file import KeyPath, YamlFile, read_yaml
from venue.settings import VenueSettings

DEFAULT_FILE: Final = Path("tapeline.yaml")
DOTENV_FILE: Final = Path(".env")
HANDED_OVER: Final = "TAPELINE_EFFECTIVE_SETTINGS"
_PREFIX: Final = "TAPELINE_"
_KEYS: Final = ("api_key", "api_secret", "api_password")


class KafkaSettings(BaseModel):
    """`bootstrap` unset: the embedded Kafka. `topic_prefix` keeps several pipelines apart on one cluster."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bootstrap: str | None = Field(default=None, pattern=r"^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$")
    topic_prefix: str = Field(default="", pattern=r"^[A-Za-z0-9._-]*$")
    replication_factor: int = Field(default=1, ge=1, le=9)


class PostgresSettings(BaseModel):
    """`dsn` unset: the embedded Postgres."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dsn: SecretStr | None = None


class SupervisorSettings(BaseModel):
    """How patient `tapeline up` is with its processes, in seconds.

    One that is ready but silent for `hung_s` is killed; one that was ready for `clean_slate_s` is started again at once
    after its next death, others after 1, 2, 4 … 30 s.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    hung_s: float = Field(default=60.0, gt=0)
    clean_slate_s: float = Field(default=60.0, ge=0)


class Settings(BaseSettings):
    """Everything, checked. Made by `load_settings`."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, env_ignore_empty=True
    )

    home: Path
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    kafka: KafkaSettings = KafkaSettings()
    postgres: PostgresSettings = PostgresSettings()
    supervisor: SupervisorSettings = SupervisorSettings()
    venue: VenueSettings
    connector: ConnectorSettings = ConnectorSettings()
    feed: FeedSettings | None = None
    agents: AgentsSettings
    projections: ProjectionsSettings = ProjectionsSettings()

    @property
    def bootstrap(self) -> str | None:
        """Address of a Kafka of the user's own, or None."""
        return self.kafka.bootstrap

    @property
    def dsn(self) -> str | None:
        """Address of a Postgres of the user's own, with its password, or None."""
        return None if self.postgres.dsn is None else self.postgres.dsn.get_secret_value()

    @property
    def trades_on_paper(self) -> bool:
        """Whether the local paper venue is what the connector trades on."""
        return self.connector.venue.name == "paper" and self.connector.venue.rest_url is None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is the library's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load_settings` merged: it reads the environment itself, to name variables in errors."""
        return (init_settings,)


def load_settings(file: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The effective settings: defaults, then the file, then `.env` of the current folder, then the environment, then
    `overrides` (nested dict). Keys of a venue are taken from all but the file (GRPC-4).

    `file` None takes `tapeline.yaml` of the current folder when it is there. A child of `tapeline up` takes exactly
    what it was handed. Raises UsageError.
    """
    handed_over = os.environ.get(HANDED_OVER)
    if handed_over:
        return _hiding(Settings(**json.loads(handed_over)))
    if file is None and DEFAULT_FILE.exists():
        file = DEFAULT_FILE
    yaml_file = YamlFile(DEFAULT_FILE) if file is None else read_yaml(file)
    _refuse_keys_in(yaml_file)
    home = data_home()
    keys = paper_keys(home)
    given = {
        "home": str(home),
        "venue": {"data_dir": str(home / "venue"), "api_key": keys.api_key, "api_secret": keys.api_secret},
        "agents": {"data_dir": str(home / "agents")},
    }
    merged = given
    for layer in (yaml_file.content, dotenv_layer(), environment_layer(), overrides or {}):
        merged = _merge(merged, layer)
    try:
        return _hiding(Settings(**cast("Any", merged)))
    except ValidationError as error:
        raise UsageError("\n".join(_explain(error, yaml_file))) from error


def handed_over(settings: Settings) -> dict[str, str]:
    """The environment that gives a child these settings. Holds secrets: only for the child's environment."""
    return {HANDED_OVER: json.dumps(_plain(settings.model_dump(exclude_unset=True)))}


def _hiding(settings: Settings) -> Settings:
    for secret in _secrets(settings.model_dump()):
        hide(secret)
    return settings


def _secrets(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _secrets(inner)


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    if isinstance(value, Path | Decimal):
        return str(value)
    return value


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = _merge(under, value) if isinstance(under, Mapping) and isinstance(value, Mapping) else value
    return merged


def _refuse_keys_in(yaml_file: YamlFile) -> None:
    """A file is copied, shown and committed; keys must not be in it."""
    connector = yaml_file.content.get("connector")
    given = connector.get("venue") if isinstance(connector, Mapping) else None
    for key in _KEYS:
        if isinstance(given, Mapping) and given.get(key):
            line = yaml_file.line_of(("connector", "venue", key))
            raise UsageError(
                f"{yaml_file.path} line {line}: connector.venue.{key} does not belong into a file; take it out and set "
                f"{_PREFIX}CONNECTOR__VENUE__{key.upper()} in the environment or in {DOTENV_FILE}"
            )


def dotenv_layer() -> dict[str, Any]:
    """Variables of `.env` that are ours; it may hold those of other programs too."""
    try:
        found = DotEnvSettingsSource(Settings, env_file=DOTENV_FILE, env_file_encoding="utf-8")()
    except (SettingsError, UnicodeDecodeError) as error:
        raise UsageError(f'{DOTENV_FILE}: {error}; lists and maps are written as JSON, such as ["BTCUSDT"]') from error
    return {name: value for name, value in found.items() if name in Settings.model_fields and name != "home"}


def environment_layer() -> dict[str, Any]:
    for name in os.environ:
        head, nested, _ = name.removeprefix(_PREFIX).lower().partition("__")
        if name.startswith(_PREFIX) and nested and head not in Settings.model_fields:
            allowed = ", ".join(f"{_PREFIX}{field.upper()}" for field in Settings.model_fields)
            raise UsageError(
                f"the environment variable {name} sets nothing; such variables start with one of: {allowed}"
            )
    try:
        found = EnvSettingsSource(Settings)()
    except SettingsError as error:
        raise UsageError(f'{error}; lists and maps are written as JSON, such as ["BTCUSDT"]') from error
    found.pop("home", None)  # TAPELINE_HOME is read by data_home(), made absolute
    return found


def _explain(error: ValidationError, yaml_file: YamlFile) -> Iterator[str]:
    """One line an error: where it was set, key, value, what is allowed."""
    for detail in error.errors():
        path = tuple(
            part for part in detail["loc"] if not str(part).startswith(("constrained-", "literal[", "function-"))
        )
        yield f"{_origin(path, yaml_file)}: {_complaint(path, detail)}"


def _origin(path: KeyPath, yaml_file: YamlFile) -> str:
    variable = _PREFIX + "__".join(str(part) for part in path).upper()
    for name in os.environ:
        if name.upper() == variable:
            return f"environment variable {name}"
    for length in range(len(path), 0, -1):
        line = yaml_file.line_of(path[:length])
        if line is not None:
            return f"{yaml_file.path} line {line}"
    return "settings"


def _complaint(path: KeyPath, detail: ErrorDetails) -> str:
    key = ".".join(str(part) for part in path)
    if detail["type"] == "extra_forbidden":
        allowed = sorted(_keys_beside(path))
        close = difflib.get_close_matches(str(path[-1]), allowed, n=1)
        meant = f" Did you mean '{close[0]}'?" if close else ""
        return f"there is no setting '{key}'.{meant} Allowed here: {', '.join(allowed)}"
    if detail["type"] == "missing":
        return f"'{key}' is missing"
    shown = "" if _is_secret(path) or isinstance(detail["input"], Mapping) else f" is {detail['input']!r}"
    return f"'{key}'{shown}: {detail['msg']}"


def _keys_beside(path: KeyPath) -> list[str]:
    model: Any = Settings
    for part in path[:-1]:
        field = model.model_fields.get(part) if isinstance(part, str) else None
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return []
        model = field.annotation
    return list(model.model_fields)


def _is_secret(path: KeyPath) -> bool:
    return any(word in str(path[-1]) for word in ("key", "secret", "dsn", "password", "token"))
