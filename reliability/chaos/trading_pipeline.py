"""A pipeline that trades at full speed, to be hurt, and its judgement afterwards by the product's own witnesses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from reliability.chaos.findings import Findings
from reliability.chaos.pipeline import Run, check, tapeline, up

PROCESSES: Final = ("kafka", "postgres", "venue", "connector", "agents", "projections")


@asynccontextmanager
async def trading_pipeline(
    home: Path, *arguments: str, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Run]:
    """All processes run and the first trades are booked."""
    async with up(home, *arguments, settings=settings) as run:
        await run.present(*PROCESSES)
        await run.trading(more=3)
        yield run


async def judge(home: Path, found: Findings) -> dict[str, Any]:
    """After the pipeline has ended: `tapeline check` and `tapeline rebuild --verify`. Returns what the check says."""
    checked = await check(home)
    for name in ("duplicate_orders", "lost_orders", "orphan_locked_slots", "position_mismatches"):
        found.expect_equal(checked[name], 0, name.replace("_", " "))
    found.expect(checked["ok"], f"tapeline check: {str(checked.get('details'))[:500]}")
    rebuilt: dict[str, Any] = await tapeline(home, "rebuild", "--verify", code=None)
    found.expect(rebuilt["equal"], f"the live tables differ from a rebuild in {rebuilt['differing']}")
    return checked
