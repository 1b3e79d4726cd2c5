"""`tapeline kill` and `tapeline release`: the kill switch of the account (RISK-8).

Exit code 0: kill is durable and the venue, asked twice, has nothing left; release is durable. 1: not all of that.
"""

from __future__ import annotations

import asyncio
import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tapeline.kill_switch import Turned
    from tapeline.settings import Settings

Config = Annotated[Path | None, typer.Option("--config", "-c", help="YAML file; default tapeline.yaml if present.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
By = Annotated[str, typer.Option("--by", help="Who does this; default: the user of this terminal.")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; kept with the switch.")]
Timeout = Annotated[float, typer.Option("--timeout", min=1, help="Seconds to keep trying.")]


def register(app: typer.Typer) -> None:
    app.command("kill", rich_help_panel="Trust")(kill)
    app.command("release", rich_help_panel="Trust")(release)


def kill(
    reason: Reason = "",
    by: By = "",
    everything: Annotated[bool, typer.Option("--all", help="Cancel orders of others on the account too.")] = False,
    timeout: Timeout = 30.0,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Stop trading at once: nothing is placed any more, every open order of ours is cancelled, the venue is asked.

    Holds over restarts until `tapeline release`. May be repeated.
    """
    from tapeline import kill_switch
    from tapeline.live_paper import settings_in_use

    settings = settings_in_use(config)
    tell = _silent if as_json else _Steps().tell
    done = asyncio.run(
        kill_switch.kill(settings, by=by or _user(), reason=reason, everything=everything, timeout_s=timeout, tell=tell)
    )
    _end(settings, done, as_json, ok=done.killed and done.durable and done.verified)


def release(
    reason: Reason = "", by: By = "", timeout: Timeout = 30.0, config: Config = None, as_json: Json = False
) -> None:
    """Let the account trade again after `tapeline kill`."""
    from tapeline import kill_switch
    from tapeline.live_paper import settings_in_use

    settings = settings_in_use(config)
    tell = _silent if as_json else _Steps().tell
    done = asyncio.run(kill_switch.release(settings, by=by or _user(), reason=reason, timeout_s=timeout, tell=tell))
    told = done.symbols_told is not None or not kill_switch.pipeline_runs(settings)
    _end(settings, done, as_json, ok=not done.killed and done.durable and told)


class _Steps:
    """Says each step once, in order, as it happens."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def tell(self, now: Turned) -> None:
        if now.killed:
            self._say(f"kill switch on, turned by {now.by}: {now.reason or 'no reason given'}")
            if now.durable:
                self._say(f"durable (version {now.version}): holds over restarts until `tapeline release`")
            else:
                self._say("NOT durable yet: halted in the connector's memory only")
            if now.through == "connector" and (now.found or now.unresolved):
                unknown = f", {now.unresolved} with the venue's answer outstanding" if now.unresolved else ""
                self._say(f"{now.cancelled} of {now.found} orders cancelled, {now.left} left{unknown}")
            if now.verified:
                self._say("verified: the venue, asked twice, has no open order of ours")
        if now.problem:
            self._say(now.problem, problem=True)

    def _say(self, text: str, *, problem: bool = False) -> None:
        if text not in self._said:
            self._said.add(text)
            typer.secho(text, fg=typer.colors.YELLOW if problem else None)


def _silent(now: Turned) -> None:
    """A program reads the end only."""


def _end(settings: Settings, done: Turned, as_json: bool, *, ok: bool) -> None:
    if as_json:
        from dataclasses import asdict

        import orjson

        typer.echo(orjson.dumps({"ok": ok, **asdict(done)}).decode())
    else:
        for line in _last_words(settings, done):
            typer.secho(line, bold=True, fg=typer.colors.GREEN if ok else typer.colors.RED)
    raise typer.Exit(0 if ok else 1)


def _last_words(settings: Settings, done: Turned) -> list[str]:
    from tapeline.kill_switch import pipeline_runs

    if not done.durable:
        return ["NOT done: it is not durable. Run the command again; it may be repeated"]
    if not done.killed:
        lines = ["released: the account may trade again"]
        if done.symbols_told is None and pipeline_runs(settings):
            lines.append("but the agents could not be told, the log does not answer: run `tapeline release` again")
        return lines
    if done.verified:
        return ["killed and verified"]
    if not pipeline_runs(settings):
        return [
            "killed, but no connector runs here and nobody else has the keys: orders at the venue may still be open.",
            "`tapeline up` cancels them before anything else and places nothing; or cancel them at the venue",
        ]
    return [
        "killed, but NOT verified: orders at the venue may still be open. The connector goes on cancelling by itself;",
        "run `tapeline kill` again to see, and cancel at the venue if it cannot be reached",
    ]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "tapeline"
