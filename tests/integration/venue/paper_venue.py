"""The keys and settings of a paper venue of a test's own, and requests signed with them."""

from __future__ import annotations

import hashlib
import hmac
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from pydantic import SecretStr

from venue.settings import VenueSettings

API_KEY = "paper-key-of-a-test"
API_SECRET = "paper-secret-of-a-test"


def settings_for(data_dir: Path, **changes: Any) -> VenueSettings:
    keys = {"api_key": SecretStr(API_KEY), "api_secret": SecretStr(API_SECRET)}
    return VenueSettings(data_dir=data_dir, **{"port": 0, **keys, **changes})


def signed(**parameters: Any) -> str:
    """A signed query or body, as any client makes it."""
    text = urlencode({**parameters, "timestamp": time.time_ns() // 1_000_000, "recvWindow": 10_000})
    signature = hmac.new(API_SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    return f"{text}&signature={signature}"
