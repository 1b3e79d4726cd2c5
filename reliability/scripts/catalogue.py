"""Every script there is, in the order of the page."""

from __future__ import annotations

from typing import Final

from reliability.scripts import batching, cancelling, placing, reading, refusing, user_stream
from reliability.scripts.script import VenueScript

SCRIPTS: Final[tuple[VenueScript, ...]] = (
    *placing.SCRIPTS,
    *refusing.SCRIPTS,
    *user_stream.SCRIPTS,
    *cancelling.SCRIPTS,
    *batching.SCRIPTS,
    *reading.SCRIPTS,
)
