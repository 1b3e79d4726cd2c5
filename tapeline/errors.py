"""The errors a person sees: one clear line, no traceback, and the exit code that goes with it.

Anything a user can cause or mend is a `TapelineError`; a traceback on the terminal is always a defect of
ours.
"""

from __future__ import annotations

from topics.errors import TapelineError

__all__ = ["TapelineError", "UsageError"]


class UsageError(TapelineError):
    """The command line or the configuration is wrong."""

    exit_code = 2
