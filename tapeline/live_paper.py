"""`--paper`: orders on the paper venue, market data of a real one, whose keys no process of ours is told.

The data folder remembers how it was started, so that `check`, `kill` or `status` mean the paper account as well. It
must not start anything.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from connector.public import secrets_of
from connector.settings import ConnectorSettings, VenueConnection
from connector.venues import PERPETUAL
from tapeline.errors import TapelineError, UsageError
from tapeline.recording.connection import PAPER, public_connection
from tapeline.recording.feed_settings import FeedSettings
from tapeline.settings import Settings, load_settings

_DEFAULT_SYMBOLS: Final = ("BTCUSDT",)
_FILE: Final = "live_paper.json"


def following(settings: Settings, venue: str | None, symbols: tuple[str, ...]) -> Settings:
    """The same settings with the paper venue in the real one's place, and that one's public data as the market.

    `venue` None: the configured one. Raises UsageError for a venue that cannot be followed.
    """
    configured = settings.connector.venue
    name = venue or configured.name
    if name == PAPER:
        raise UsageError("--paper needs a venue to follow: --venue binance, or connector.venue in the configuration")
    connection = public_connection(settings, name, symbols or configured.symbols or _DEFAULT_SYMBOLS)
    if connection.product != PERPETUAL:
        raise UsageError(f"--paper trades perpetuals only so far; {name} is {connection.product}")
    return _on_paper(settings, connection)


def _on_paper(settings: Settings, connection: VenueConnection) -> Settings:
    connector = settings.connector.model_copy(update={"venue": VenueConnection(name=PAPER)})
    paper = settings.venue.model_copy(update={"tapes": [], "symbols": list(connection.symbols), "speed": 1.0})
    feed = FeedSettings(connection=connection)
    return settings.model_copy(update={"connector": connector, "venue": paper, "feed": feed})


def remember(settings: Settings) -> None:
    """How this data folder is used from now on: the venue that is followed, or none."""
    file = settings.home / _FILE
    if settings.feed is None:
        file.unlink(missing_ok=True)
        return
    connection = settings.feed.connection
    shown = {name: getattr(connection, name) for name in connection.model_fields_set}
    told = {name: value for name, value in shown.items() if not isinstance(value, SecretStr)}
    fresh = file.with_suffix(".json.new")
    fresh.write_text(json.dumps(told))
    fresh.replace(file)


def settings_in_use(config: Path | None = None) -> Settings:
    """The settings as the last `tapeline up` of this data folder used them."""
    settings = load_settings(config)
    file = settings.home / _FILE
    try:
        return _on_paper(settings, VenueConnection(**json.loads(file.read_text())))
    except FileNotFoundError:
        return settings
    except (ValueError, TypeError) as error:
        raise TapelineError(f"{file} is damaged ({type(error).__name__}); remove it and start again") from error


def forget_keys(real: VenueConnection) -> None:
    """No process started from here finds the real venue's keys in its environment."""
    secrets = secrets_of(real).values()
    for name, value in list(os.environ.items()):
        if any(secret in value for secret in secrets):
            del os.environ[name]


def without_secrets(settings: Settings) -> Settings:
    """What the feed is told: neither keys nor the way to the database."""
    paper = settings.venue.model_copy(update={"api_key": SecretStr(""), "api_secret": SecretStr("")})
    bare = Settings(home=settings.home, log_level=settings.log_level, venue=paper, agents=settings.agents)
    return bare.model_copy(update={"connector": ConnectorSettings(), "feed": settings.feed})
