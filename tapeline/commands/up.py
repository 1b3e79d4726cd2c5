"""`tapeline up`: everything on this machine, from the log to the trade."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tapeline.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from tapeline.settings import Settings

_KEPT_BY_FRESH = frozenset({"owner.lock", "cache", "ports.json", "paper_keys.json"})


def register(app: typer.Typer) -> None:
    app.command("up")(up)


def up(
    duration: Annotated[float | None, typer.Option(min=0.1, help="End after so many seconds of trading.")] = None,
    tape: Annotated[list[Path] | None, typer.Option(help="Recorded market data to play; may be repeated.")] = None,
    venue: Annotated[str | None, typer.Option("--venue", help="With --paper: whose market to follow live.")] = None,
    paper: Annotated[bool, typer.Option("--paper", help="Live market data of --venue, orders on paper.")] = False,
    symbol: Annotated[str | None, typer.Option(help="Instrument, such as BTCUSDT; with --paper several: A,B.")] = None,
    speed: Annotated[str | None, typer.Option(help="1, 10, … or max: as fast as the slowest part keeps up.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget the data folder's log, orders and positions.")] = False,
    param: Annotated[list[str] | None, typer.Option(help="Strategy parameter, name=value; may be repeated.")] = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="YAML; default tapeline.yaml.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON on stdout.")] = False,
) -> None:
    """Start Kafka, Postgres, the paper venue, connector, agents and projections, and trade.

    Goes on where the last run stopped. Ctrl-C ends in order, a second one at once.
    """
    from rich.console import Console

    from tapeline.data_folder import owned
    from tapeline.embedded.server import require_space
    from tapeline.live_paper import following, forget_keys, remember
    from tapeline.run import run_pipeline
    from tapeline.screen import Screen
    from tapeline.settings import load_settings

    _require_sense(venue, paper=paper, played=bool(tape or speed))

    def chosen() -> Settings:
        if not paper:
            return load_settings(config, _overrides(tape, symbol, speed))
        return following(
            load_settings(config), venue, tuple(one.strip() for one in (symbol or "").split(",") if one.strip())
        )

    settings = chosen()
    parameters = _parameters(param or [], settings)
    console = Console(stderr=as_json)
    with owned(settings.home, "up"):
        if fresh:
            _forget(settings.home)
            settings = chosen()
        remember(settings)
        if paper:
            forget_keys(load_settings(config).connector.venue)
        require_space(settings.home)
        _log_to_file(settings)
        _fetch_kafka(settings, console)
        summary = asyncio.run(
            run_pipeline(
                settings,
                Screen(console),
                duration_s=duration,
                parameters=parameters,
                interactive=console.is_terminal,
            )
        )
    if as_json:
        import orjson

        sys.stdout.buffer.write(orjson.dumps(summary.as_dict(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    else:
        for line in summary.lines():
            console.print(line, highlight=False, soft_wrap=True)


def _require_sense(venue: str | None, *, paper: bool, played: bool) -> None:
    if paper and played:
        raise UsageError("--paper follows a live market: leave --tape and --speed out")
    if venue is not None and not paper:
        raise UsageError(
            f"--venue {venue} goes with --paper: live market data, orders on paper. "
            "For real orders set connector.venue in the configuration"
        )


def _overrides(tape: list[Path] | None, symbol: str | None, speed: str | None) -> dict[str, Any]:
    venue: dict[str, Any] = {}
    if tape:
        for file in tape:
            if not file.is_file():
                raise UsageError(f"there is no tape {file}")
        venue["tapes"] = [str(file.resolve()) for file in tape]
    if symbol:
        venue["symbols"] = [symbol]
        if tape:
            venue["tape_symbol"] = symbol
    if speed is not None:
        venue["speed"] = _speed(speed)
    return {"venue": venue} if venue else {}


def _speed(text: str) -> str:
    if text != "max":
        try:
            positive = float(text.removesuffix("x")) > 0
        except ValueError:
            positive = False
        if not positive:
            raise UsageError(f"--speed is {text!r}; it must be a number above 0, such as 1 or 10, or max")
    return text.removesuffix("x") if text != "max" else text


def _parameters(given: list[str], settings: Settings) -> dict[str, str]:
    from agents.settings import ParametersError

    parameters: dict[str, str] = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not equals or not name or not value:
            raise UsageError(f"--param is {item!r}; write name=value, such as levels=12")
        parameters[name.strip()] = value.strip()
    try:
        settings.agents.grid.parameters(parameters)
    except ParametersError as error:
        allowed = ", ".join(type(settings.agents.grid).model_fields)
        raise UsageError(f"--param: {error}; parameters are {allowed}") from error
    return parameters


def _forget(home: Path) -> None:
    for entry in home.iterdir():
        if entry.name in _KEPT_BY_FRESH:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _log_to_file(settings: Settings) -> None:
    """Our own log lines go where those of the processes go; the terminal is the screen's."""
    from observability.logs import configure

    folder = settings.home / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    configure("up", settings.log_level, stream=(folder / "up.log").open("a", buffering=1))


def _fetch_kafka(settings: Settings, console: Console) -> None:
    """The first download of a user, with a progress bar; nothing to do later on."""
    if settings.bootstrap is not None:
        return
    from tapeline.download_progress import DownloadProgress
    from tapeline.embedded.cache import cache_folder
    from tapeline.embedded.jars import kafka_class_path

    kafka_class_path(cache_folder(settings.home), DownloadProgress(console))
