"""`tapeline topics apply|list|tail`: the catalogue against the broker, and a topic as a person reads it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tapeline.errors import UsageError

if TYPE_CHECKING:
    from topics.log import LogAddress

_WIDE = 200

Config = Annotated[Path | None, typer.Option("--config", "-c", help="YAML file; default tapeline.yaml if present.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def register(app: typer.Typer) -> None:
    topics = typer.Typer(help="The topics of the log: make them, list them, read them.", no_args_is_help=True)
    topics.command("apply")(apply)
    topics.command("list")(show)
    topics.command("tail")(tail)
    app.add_typer(topics, name="topics")


def apply(config: Config = None, as_json: Json = False) -> None:
    """Make the broker's topics match the catalogue; says what it changed."""

    async def work() -> None:
        from topics.admin import apply as apply_catalogue

        settings = _settings(config)
        async with _log(settings) as address:
            changes = await apply_catalogue(address, replication_factor=settings.kafka.replication_factor)
        rows = [{"topic": one.topic, "changed": one.kind, "now": one.expected, "before": one.found} for one in changes]
        _print_rows(rows, as_json, empty="nothing to change")

    asyncio.run(work())


def show(config: Config = None, as_json: Json = False) -> None:
    """List every topic of the catalogue and where the broker differs (exit code 1 when it does)."""

    async def work() -> int:
        from topics.admin import check
        from topics.catalogue import TOPICS

        async with _log(_settings(config)) as address:
            differences = await check(address)
        differs = {one.topic: f"{one.kind}: {one.found or 'not there'}, wanted {one.expected}" for one in differences}
        rows = [
            {
                "topic": topic.name,
                "message": topic.message.DESCRIPTOR.name,
                "key": topic.key_shape,
                "writer": topic.writer,
                "partitions": topic.partitions,
                "kept": "newest by key" if topic.compacted else _duration(topic.retention_ms),
                "holds": topic.holds,
                "broker": differs.get(topic.name, "ok"),
            }
            for topic in TOPICS
        ]
        _print_rows(rows, as_json)
        return 1 if differences else 0

    raise typer.Exit(asyncio.run(work()))


def tail(
    topic: Annotated[str, typer.Argument(help="Name in the catalogue, such as orders or orders.dlq.")],
    start: Annotated[int | None, typer.Option("--from", min=0, help="Offset to begin at, in every partition.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many records.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what arrives; Ctrl-C ends.")] = False,
    config: Config = None,
) -> None:
    """Print the records of a topic, decoded, one JSON object a line."""

    async def work() -> None:
        import orjson

        from topics.catalogue import BY_NAME
        from topics.tail import tail as read

        if topic not in BY_NAME:
            names = ", ".join(name for name in BY_NAME if not name.endswith(".dlq"))
            raise UsageError(f"there is no topic '{topic}'; the catalogue has {names} (and each with .dlq)")
        async with _log(_settings(config)) as address:
            count = 0
            async for record in read(address, BY_NAME[topic], start=start, follow=follow):
                sys.stdout.buffer.write(orjson.dumps(record, default=str, option=orjson.OPT_APPEND_NEWLINE))
                sys.stdout.buffer.flush()
                count += 1
                if count == limit:
                    return

    try:
        asyncio.run(work())
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _settings(config: Path | None) -> Any:
    from tapeline.settings import load_settings

    return load_settings(config)


@asynccontextmanager
async def _log(settings: Any) -> AsyncIterator[LogAddress]:
    from tapeline.embedded.servers import servers
    from topics.log import LogAddress

    async with servers(settings, command="topics", needs=("kafka",)) as found:
        yield LogAddress(found.bootstrap, settings.kafka.topic_prefix)


def _print_rows(rows: list[dict[str, Any]], as_json: bool, empty: str = "nothing") -> None:
    if as_json:
        import orjson

        typer.echo(orjson.dumps(rows).decode())
        return
    if not rows:
        typer.echo(empty)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for position, column in enumerate(rows[0]):
        table.add_column(column, no_wrap=position == 0)
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    console = Console()
    (console if console.is_terminal else Console(width=_WIDE)).print(table)


def _duration(milliseconds: int) -> str:
    return "for ever" if milliseconds < 0 else f"{milliseconds / 86_400_000:g} days"
