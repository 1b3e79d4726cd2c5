"""Plays one script from beginning to end and says what was broken."""

from __future__ import annotations

from pathlib import Path

from reliability.scripts.judging import judge
from reliability.scripts.script import VenueScript
from reliability.scripts.stage import NewLedger, staged


async def play(script: VenueScript, folder: Path, new_ledger: NewLedger) -> list[str]:
    """`folder` becomes the venue's. Returns the violations, each a sentence; none where all is right."""
    async with staged(folder, script.symbols, new_ledger) as stage:
        await stage.misbehave(script.venue)
        try:
            await script.play(stage)
        except TimeoutError as error:
            return [f"{script.name}: {error}"]
        return [f"{script.name}: {violation}" for violation in await judge(script, stage)]
