"""What can go wrong at the venue: mistakes of the person who starts it, and refusals sent to a client.

`VenueError` ends the process with one clear message (exit 2, never a traceback). `Refusal` is Binance's own
error of one request: a code and a message on the wire (ERR-1). Must not: hold any logic.
"""

from __future__ import annotations


class VenueError(Exception):
    """The venue cannot start or go on; the message says what, with what value, where, and what to do."""


class TapeError(VenueError):
    """A tape is missing, unreadable or has a malformed row (file and line are in the message)."""


class InstrumentError(VenueError):
    """An instrument is unknown, or its metadata cannot be read."""


class LedgerError(VenueError):
    """The ledger cannot be opened, written, or belongs to a run with other settings."""


class PortTakenError(VenueError):
    """The address to serve on is not free."""


class Refusal(Exception):  # noqa: N818 - the venue's word: a request is refused, nothing is broken
    """One request refused the way Binance refuses it.

    `code` and `message` go on the wire as `{"code": …, "msg": …}` with HTTP `status`.
    """

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status


def unknown_symbol() -> Refusal:
    return Refusal(-1121, "Invalid symbol.")


def unknown_order() -> Refusal:
    return Refusal(-2013, "Order does not exist.")


def cancel_rejected() -> Refusal:
    return Refusal(-2011, "Unknown order sent.")


def parameter_missing(name: str) -> Refusal:
    return Refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def parameter_malformed(name: str, value: str) -> Refusal:
    return Refusal(-1130, f"Data sent for parameter '{name}' is not valid: {value!r}.")
