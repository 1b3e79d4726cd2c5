"""Plays one script from beginning to end and says what was broken."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from connector.ccxt_adapter.opening import open_venue
from reliability.scripts.judging import judge
from reliability.scripts.script import VenueScript
from reliability.scripts.stage import NewLedger, NewPort, staged
from venue.ledger_reader import LedgerReader


@dataclass(slots=True)
class Played:
    """`violations`: a sentence each, none where all is right. `faults`: what the venue did that a good one does not."""

    violations: list[str] = field(default_factory=list)
    faults: int = 0
    orders: int = 0
    executions: int = 0


async def play(script: VenueScript, folder: Path, new_ledger: NewLedger, new_port: NewPort = open_venue) -> Played:
    """`folder` must not exist; it becomes the venue's."""
    played = Played()
    async with staged(folder, script.symbols, new_ledger, new_port) as stage:
        await stage.misbehave(script.venue)
        try:
            await script.play(stage)
        except TimeoutError as error:
            played.violations.append(f"{script.name}: {error}")
        else:
            played.violations += [f"{script.name}: {violation}" for violation in await judge(script, stage)]
        played.faults = await stage.faults()
    reader = LedgerReader(folder)
    played.orders, played.executions = len(reader.orders()), len(reader.trades())
    return played
