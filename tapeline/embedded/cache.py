"""Where downloads shared by all data folders of a user are kept.

It must not hold anything that cannot be downloaded again.
"""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder(home: Path) -> Path:
    """`TAPELINE_CACHE`, else the user's cache folder, else (a user without a home) inside the data folder."""
    chosen = os.environ.get("TAPELINE_CACHE")
    if chosen:
        return Path(chosen).expanduser().resolve()
    shared = os.environ.get("XDG_CACHE_HOME")
    if shared:
        return Path(shared) / "tapeline"
    try:
        user_home = Path.home()
    except RuntimeError:
        return home / "cache"
    if os.environ.get("HOME") == "" or not os.access(user_home, os.W_OK):
        return home / "cache"
    return user_home / ".cache" / "tapeline"
