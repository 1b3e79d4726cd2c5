"""`tapeline record`: a venue's public streams to a tape. No key is needed, and none is used."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tapeline.errors import TapelineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tapeline.recording.session import Progress, Target

_TELL_S: Final = 10.0
_TELL_LIVE_S: Final = 0.5
_KINDS: Final = {"quote": "quotes", "trade": "trades", "candle": "candles", "funding": "funding", "gap": "gaps"}


def register(app: typer.Typer) -> None:
    app.command("record", rich_help_panel="Market data")(record)


def record(
    out: Annotated[Path, typer.Option("--out", "-o", help="The tape: a new file ending with .jsonl or .jsonl.gz.")],
    venue: Annotated[str, typer.Option("--venue", help="Whose streams, such as binance.")] = "binance",
    symbols: Annotated[str, typer.Option("--symbols", help="The venue's own names, such as BTCUSDT,ETHUSDT.")] = "",
    duration: Annotated[float | None, typer.Option(min=0.1, help="End after so many seconds; else Ctrl-C.")] = None,
    append: Annotated[bool, typer.Option("--append", help="Go on with an existing tape.")] = False,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="YAML; default tapeline.yaml.")] = None,
) -> None:
    """Record quotes, trades, candles and funding of a venue, to be played by `tapeline up --tape FILE`."""
    import uvloop

    from observability.logs import configure
    from tapeline.recording.connection import public_connection
    from tapeline.recording.session import symbols_for, target_of
    from tapeline.settings import load_settings

    settings = load_settings(config)
    target = target_of(out, append=append)
    named = tuple(symbol.strip() for symbol in symbols.split(",") if symbol.strip())
    connection = public_connection(settings, venue, symbols_for(target, named))
    configure("record", "ERROR", stream=sys.stderr)
    typer.echo(f"recording {', '.join(connection.symbols)} of {venue} to {out}; Ctrl-C ends", err=True)
    end = uvloop.run(_record_until_signal(connection, target, duration))
    typer.echo(f"{_told(end)} → {out}", err=True)
    if not end.counts.get("quote"):
        raise TapelineError(f"{venue} sent no quotes of {', '.join(connection.symbols)} in {end.elapsed_s:.0f} s")
    typer.echo(f"play it: tapeline up --fresh --tape {out}", err=True)


async def _record_until_signal(connection: object, target: Target, duration_s: float | None) -> Progress:
    from connector.settings import VenueConnection
    from tapeline.recording.session import record as run

    assert isinstance(connection, VenueConnection)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return await run(connection, target, stop=stop, duration_s=duration_s, tell=_teller())


def _teller() -> Callable[[Progress], None]:
    """A line that is drawn over on a terminal, else one every ten seconds; and one when a feed goes or comes."""
    live = sys.stderr.isatty()
    told_at = time.monotonic()
    lost: frozenset[str] = frozenset()

    def tell(progress: Progress) -> None:
        nonlocal told_at, lost
        changed = progress.lost != lost
        lost = progress.lost
        if changed or time.monotonic() - told_at >= (_TELL_LIVE_S if live else _TELL_S):
            told_at = time.monotonic()
            typer.echo(f"\r\033[K{_told(progress)}" if live else _told(progress), err=True, nl=not live)

    return tell


def _told(progress: Progress) -> str:
    counts = ", ".join(f"{progress.counts.get(kind, 0)} {name}" for kind, name in _KINDS.items())
    lost = f"; LOST: {', '.join(sorted(progress.lost))}, trying again" if progress.lost else ""
    return f"{progress.elapsed_s:6.0f} s  {counts}  {progress.size_bytes / 1e6:.1f} MB{lost}"
