"""The command `tapeline`: registers the commands and turns errors into one clear line and an exit code.

Exit codes: 0 good, 1 a check or a run failed, 2 wrong usage or configuration. Nothing heavy is imported here, so that
`tapeline --help` answers at once.
"""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from typing import Final

import typer

from topics.errors import TapelineError

# Each module has `register(app)`. One line here adds a theme.
_COMMANDS: Final = (
    "tapeline.commands.up",
    "tapeline.commands.processes",
    "tapeline.commands.record",
    "tapeline.commands.topics",
    "tapeline.commands.queries",
    "tapeline.commands.check",
    "tapeline.commands.doctor",
    "tapeline.commands.kill",
    "tapeline.commands.rebuild",
    "tapeline.commands.bench",
    "tapeline.commands.sim",
    "tapeline.commands.chaos",
    "tapeline.commands.conformance",
)


def build_app() -> typer.Typer:
    """The whole command line."""
    app = typer.Typer(
        name="tapeline",
        help="Event-sourced trading pipeline: no double order, restarts that resume, every decision explainable.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # its import doubles the time of --help
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for module in _COMMANDS:
        import_module(module).register(app)
    return app


def main() -> None:
    """The entry point: exits with the command's code."""
    # what a command cannot reach, it says itself; a process that logs sets these levels again
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        build_app()()
    except TapelineError as error:
        complain(str(error))
        sys.exit(error.exit_code)
    except BrokenPipeError:  # `tapeline topics tail x | head`
        sys.stderr.close()
        sys.exit(0)


def complain(message: str) -> None:
    """One error for the person at the terminal, red when it is one."""
    from observability.logs import redact_text

    text = redact_text(message)
    typer.secho(f"tapeline: {text}", fg=typer.colors.RED, err=True, bold=True)
