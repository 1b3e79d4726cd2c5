"""The paper venue's own key pair, made once for a data folder and readable by its owner only.

It must not touch keys of real venues: those come from the environment or `.env`.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from tapeline.errors import TapelineError


@dataclass(frozen=True)
class KeyPair:
    """What the venue checks and the connector signs with."""

    api_key: str
    api_secret: str

    def __repr__(self) -> str:
        return "KeyPair([redacted])"


def paper_keys(home: Path) -> KeyPair:
    """Read the data folder's key pair, making it the first time (mode 0600)."""
    file = home / "paper_keys.json"
    try:
        content = json.loads(file.read_text())
        return KeyPair(str(content["api_key"]), str(content["api_secret"]))
    except FileNotFoundError:
        return _make(file)
    except (ValueError, KeyError, TypeError) as error:
        raise TapelineError(
            f"{file} is damaged ({type(error).__name__}); remove it to have a new key pair made"
        ) from error


def _make(file: Path) -> KeyPair:
    pair = KeyPair(secrets.token_hex(16), secrets.token_hex(32))
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(f".{os.getpid()}.new")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps({"api_key": pair.api_key, "api_secret": pair.api_secret}))
    fresh.replace(file)
    return pair
