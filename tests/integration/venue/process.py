"""A paper venue as a process of its own, for tests that kill it."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

import orjson

from tests.integration.venue.paper_venue import settings_for
from venue.errors import VenueError
from venue.main import run


def main() -> int:
    """`process.py DATA_DIR PORT '{"more": "settings"}'`; ends with 2 and one line for a user's mistake."""
    logging.basicConfig(level=logging.INFO)
    data_dir, port, more = sys.argv[1:]
    try:
        settings = settings_for(Path(data_dir), **{**orjson.loads(more), "port": int(port)})
        asyncio.run(run(settings))
    except VenueError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
