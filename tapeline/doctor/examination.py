"""All looks, in the order a person reads them. A look that fails in a way nobody thought of is a finding too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Final

from tapeline.addresses import paper_address
from tapeline.data_folder import owner_of
from tapeline.doctor import machine, stores
from tapeline.doctor.configuration import configured
from tapeline.doctor.finding import Finding, failed, ok, warning
from tapeline.http_client import HttpClient
from tapeline.live_paper import settings_in_use
from tapeline.recording.connection import PAPER, connection_to
from tapeline.settings import Settings, load_settings

PAPER_AREA: Final = "paper venue"


async def examine(config: Path | None, venue: str | None) -> list[Finding]:
    """`venue` None: the one that orders go to, and the one that is followed. Raises UsageError for an unknown one."""
    written, settings = load_settings(config), settings_in_use(config)
    owner = owner_of(settings.home)
    running = owner is not None and owner.command == "up"
    looks = [
        ("kafka", stores.kafka(settings, running=running)),
        ("postgres", stores.postgres(settings, running=running)),
        *_venues(written, settings, venue, running=running),
    ]
    found = [
        *configured(written, config),
        *machine.python_and_packages(),
        *machine.folders(settings),
        *await asyncio.to_thread(machine.ports, settings),
    ]
    for area, look in looks:  # one after the other: a clock is compared on an idle loop
        found += await _safely(area, look)
    return found


def _venues(
    written: Settings, settings: Settings, venue: str | None, *, running: bool
) -> list[tuple[str, Awaitable[list[Finding]]]]:
    """`written`: what the files say; `settings`: what the last start used, `--paper` included."""
    from tapeline.doctor.venue import AREA, probe

    if venue is not None and venue != PAPER:
        return [(AREA, probe(connection_to(written, venue)))]
    if not settings.trades_on_paper:
        return [(AREA, probe(connection_to(settings, venue or settings.connector.venue.name)))]
    looks: list[tuple[str, Awaitable[list[Finding]]]] = [(PAPER_AREA, _paper(settings, running=running))]
    if settings.feed is not None:
        looks.append((AREA, probe(settings.feed.connection, followed=True)))
    return looks


async def _paper(settings: Settings, *, running: bool) -> list[Finding]:
    from tapeline.doctor.venue import AREA, probe
    from tapeline.staleness import live_text, stale_text

    address = paper_address(settings)
    async with HttpClient() as http:
        state = await http.get(f"http://{address}/paper/v1/state") if running else None
    if state is None:
        if running:
            return [failed(PAPER_AREA, f"it does not answer at {address}", f"see {settings.home / 'logs'}")]
        return [ok(PAPER_AREA, "not running; it starts with tapeline up, with keys of its own")]
    connection = connection_to(settings, PAPER)
    symbols = connection.symbols or tuple(state.get("symbols", ()))
    found = await probe(connection.model_copy(update={"symbols": symbols}))
    mine = [Finding(PAPER_AREA, one.status, one.text, one.remedy) for one in found if one.area == AREA]
    if live := state.get("live"):
        stale = stale_text(live)
        mine.append(warning(PAPER_AREA, stale, "see venue") if stale else ok(PAPER_AREA, live_text(live)))
    return mine


async def _safely(area: str, look: Awaitable[list[Finding]]) -> list[Finding]:
    from tapeline.errors import UsageError

    try:
        return await look
    except UsageError:
        raise
    except Exception as error:  # noqa: BLE001 - a look must not hide the others
        return [failed(area, f"this look failed: {type(error).__name__}: {error}", "please report it")]
