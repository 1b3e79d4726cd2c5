"""`tapeline status|orders|slots|positions|pnl`: what the projections know, as tables for people or JSON for programs.

Reads only. Without a running `tapeline up` the embedded Postgres is started for the moment of the question.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from projections.queries import Connection, Overview, Slot

Config = Annotated[Path | None, typer.Option("--config", "-c", help="YAML file; default tapeline.yaml if present.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Symbol = Annotated[str, typer.Option("--symbol", "-s", help="Only this instrument, such as BTCUSDT.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many rows.")]

NOTHING_YET = "nothing yet: no pipeline has run with this data folder; start one with `tapeline up`"
AnswerT = TypeVar("AnswerT")
Column = tuple[str, Callable[[Any], str]]


def register(app: typer.Typer) -> None:
    for command in (status, orders, slots, positions, pnl):
        app.command(rich_help_panel="What happened")(command)


def status(symbol: Symbol = "", config: Config = None, as_json: Json = False) -> None:
    """One page: instruments, position, profit, open orders, risk, lag."""
    from projections import queries

    async def both(connection: Connection) -> tuple[Overview, list[dict[str, Any]]]:
        return await queries.overview(connection, symbol), await _killed(connection)

    answer = _ask(config, both)
    if answer is None:
        _json({})
        return
    found, killed = answer
    live = asyncio.run(_live(config))
    if as_json:
        _json({**asdict(found), "killed": killed, "live": live})
        return
    _print_status(found, killed)
    _print_live(live)


def orders(
    symbol: Symbol = "",
    limit: Limit = 20,
    live: Annotated[bool, typer.Option("--open", help="Only orders that still work.")] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Orders, newest first; with --open those that work, highest price first."""
    from projections import queries

    read = queries.open_orders if live else queries.orders
    columns: list[Column] = [
        ("time", lambda row: _clock(row.time_ms)),
        ("symbol", lambda row: row.symbol),
        ("side", lambda row: row.side),
        ("price", lambda row: _number(row.price)),
        ("filled/of", lambda row: f"{_number(row.filled)}/{_number(row.quantity)}"),
        ("status", lambda row: row.status.replace("_", " ").lower()),
        ("order", lambda row: row.client_order_id or row.venue_order_id),
    ]
    _rows(_ask(config, lambda connection: read(connection, symbol, limit)), columns, as_json, "no orders yet")


def slots(symbol: Symbol = "", config: Config = None, as_json: Json = False) -> None:
    """The slots of the grids, highest price first."""
    from projections import queries

    columns: list[Column] = [
        ("strategy", lambda row: row.strategy),
        ("symbol", lambda row: row.symbol),
        ("slot", lambda row: str(row.slot)),
        ("state", lambda row: row.state),
        ("side", lambda row: row.side),
        ("price", lambda row: _number(row.price)),
        ("filled/of", lambda row: f"{_number(row.filled)}/{_number(row.quantity)}"),
        ("try", lambda row: str(row.attempt + 1)),
    ]
    _rows(_ask(config, lambda connection: queries.slots(connection, symbol)), columns, as_json, "no slots yet")


def positions(symbol: Symbol = "", config: Config = None, as_json: Json = False) -> None:
    """What is held by our fills, and what the venue says is held."""
    from projections import queries

    columns: list[Column] = [
        ("account", lambda row: f"{row.venue}:{row.account}"),
        ("symbol", lambda row: row.symbol),
        ("quantity", lambda row: _number(row.quantity)),
        ("entry", lambda row: _number(row.average_entry, 8)),
        ("price", lambda row: _number(row.price, 8)),
        ("unrealised", lambda row: _number(row.unrealized, 4)),
        ("at venue", lambda row: "?" if row.venue_quantity is None else _number(row.venue_quantity)),
    ]
    _rows(_ask(config, lambda connection: queries.positions(connection, symbol)), columns, as_json, "no positions yet")


def pnl(symbol: Symbol = "", config: Config = None, as_json: Json = False) -> None:
    """Profit and loss by instrument, in its quote currency."""
    from projections import queries

    columns: list[Column] = [
        ("symbol", lambda row: f"{row.symbol} {row.quote_asset}"),
        ("fills", lambda row: str(row.fills)),
        ("volume", lambda row: _number(row.volume, 0)),
        ("realised", lambda row: _number(row.realized, 4)),
        ("unrealised", lambda row: _number(row.unrealized, 4)),
        ("fees", lambda row: _number(row.fees, 4)),
        ("funding", lambda row: _number(row.funding, 4)),
        ("net", lambda row: _number(row.net, 4)),
    ]
    _rows(_ask(config, lambda connection: queries.pnl(connection, symbol)), columns, as_json, "no fills yet")


def _ask(config: Path | None, question: Callable[[Connection], Awaitable[AnswerT]]) -> AnswerT | None:
    """The answer of the projections; None when no projector ever ran. Waits out a database that is starting."""

    async def work() -> AnswerT | None:
        import psycopg

        from projections.queries import is_empty
        from tapeline.embedded.servers import known_servers, servers
        from tapeline.live_paper import settings_in_use

        settings = settings_in_use(config)
        if settings.dsn is None and known_servers(settings) is None:
            return None  # the very first command in this folder: nothing is there to be asked
        async with (
            servers(settings, command="query", needs=("postgres",)) as found,
            await psycopg.AsyncConnection.connect(found.dsn, autocommit=True, connect_timeout=10) as connection,
        ):
            return None if await is_empty(connection) else await question(connection)

    answer = asyncio.run(work())
    if answer is None:
        typer.echo(NOTHING_YET, err=True)
    return answer


def _json(value: Any) -> None:
    import orjson

    typer.echo(orjson.dumps(value, default=_plain).decode())


def _plain(value: object) -> str:
    """Money is a string in JSON, exact and without exponent."""
    return _number(value) if isinstance(value, Decimal) else str(value)


def _rows(rows: Sequence[Any] | None, columns: Sequence[Column], as_json: bool, empty: str) -> None:
    if as_json:
        _json([asdict(row) for row in rows or ()])
    elif rows:
        _table(rows, columns)
    elif rows is not None:
        typer.echo(empty)


def _table(rows: Sequence[Any], columns: Sequence[Column]) -> None:
    """Fits 80 columns: of one instrument alone, the symbol stands above the table."""
    from rich.console import Console
    from rich.table import Table

    symbols = {row.symbol for row in rows}
    alone = len(symbols) == 1 and any(name == "symbol" for name, _ in columns)
    if alone:
        columns = [(name, show) for name, show in columns if name != "symbol"]
        typer.secho(symbols.pop(), bold=True)
    table = Table(box=None, pad_edge=False, header_style="bold")
    texts = [[show(row) for _, show in columns] for row in rows]
    for at, (name, _) in enumerate(columns):
        numbers = all(text[at][:1] in "-0123456789?" for text in texts)
        table.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for text in texts:
        table.add_row(*text)
    Console().print(table)


async def _killed(connection: Connection) -> list[dict[str, Any]]:
    """Accounts whose kill switch is on."""
    import psycopg
    from psycopg.rows import dict_row

    from tapeline.snapshot import KILLED

    try:
        return await (await connection.cursor(row_factory=dict_row).execute(KILLED)).fetchall()
    except psycopg.errors.UndefinedTable:  # before the connector's first start
        return []


def _print_status(found: Overview, killed: Sequence[dict[str, Any]]) -> None:
    from tapeline.snapshot import killed_text

    for row in killed:
        typer.secho(killed_text(row), fg=typer.colors.RED, bold=True)
    if not found.symbols:
        typer.echo("nothing on the log yet")
        return
    if found.quotes:
        _table(
            found.quotes,
            [
                ("instrument", lambda row: f"{row.venue}:{row.symbol}"),
                ("bid", lambda row: _number(row.bid)),
                ("ask", lambda row: _number(row.ask)),
                ("market time", lambda row: _clock(row.time_ms)),
                ("open", lambda row: str(sum(_same(it, row) for it in found.open_orders))),
                ("slots locked", lambda row: _locked([it for it in found.slots if _same(it, row)])),
            ],
        )
    if found.pnl:
        _table(
            found.pnl,
            [
                ("position", lambda row: f"{row.symbol} {_number(row.quantity)}"),
                ("realised", lambda row: _number(row.realized, 4)),
                ("unrealised", lambda row: _number(row.unrealized, 4)),
                ("fees", lambda row: _number(row.fees, 4)),
                ("net", lambda row: f"{_number(row.net, 4)} {row.quote_asset}"),
            ],
        )
    for rule in found.tripped:
        typer.echo(f"{rule.rule} holds {rule.symbol} back: {rule.value} over {rule.limit_value} {rule.unit}")
    counts = found.counts
    typer.echo(
        f"{counts.orders} orders ({counts.orders_live} open, {counts.orders_unknown} unknown), {counts.fills} fills, "
        f"{counts.slot_steps} slot steps, {counts.poison_records} unreadable records"
    )
    age_s = max(0.0, time.time() - found.lag.updated_ms / 1000)
    typer.echo(f"projections {found.lag.records} records behind, last written {age_s:.0f} s ago")


async def _live(config: Path | None) -> dict[str, Any] | None:
    """What the running paper venue says of the live market it follows; None where it follows none or does not run."""
    from tapeline.addresses import paper_address
    from tapeline.http_client import HttpClient
    from tapeline.live_paper import settings_in_use

    settings = settings_in_use(config)
    if settings.feed is None:
        return None
    async with HttpClient() as http:
        state = await http.get(f"http://{paper_address(settings)}/paper/v1/state")
    return (state or {}).get("live")


def _print_live(live: dict[str, Any] | None) -> None:
    from tapeline.staleness import live_text, stale_text

    if live is None:
        return
    typer.echo(live_text(live))
    if stale := stale_text(live):
        typer.secho(stale, fg=typer.colors.RED, bold=True)


def _same(one: Any, other: Any) -> bool:
    return (one.venue, one.symbol) == (other.venue, other.symbol)


def _locked(slots: Sequence[Slot]) -> str:
    return f"{sum(slot.state == 'LOCKED' for slot in slots)}/{len(slots)}" if slots else "-"


def _clock(time_ms: int) -> str:
    """The venue's clock, UTC; the date only where it is not today's."""
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    today = moment.date() == datetime.now(UTC).date()
    return f"{moment:%H:%M:%S}" if today else f"{moment:%y-%m-%d %H:%M}"


def _number(value: Decimal, decimals: int | None = None) -> str:
    """Without exponent and trailing zeros; at most so many decimals."""
    shown = value if decimals is None else round(value, decimals)
    text = f"{shown:f}"
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text
