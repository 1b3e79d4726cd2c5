"""The root of every error the product raises on purpose.

An error says what was wrong, with what value, where, and what to do. The command line prints it as one line.
"""


class TapelineError(Exception):
    """Something a person can act on; `str(error)` is the whole message."""

    exit_code = 1


class MalformedRecordError(TapelineError):
    """A record of the log cannot be read as its topic's message."""


class OffGridError(TapelineError):
    """A price or quantity is not a whole number of ticks or lots."""


class TopicMismatchError(TapelineError):
    """The broker's topics differ from the catalogue in a way that cannot be mended in place."""
