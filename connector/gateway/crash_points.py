"""Named places where the gateway can be made to die, so that a trial can aim (ORD-5, ES-3).

`reach("name")` does nothing unless somebody armed this process: one comparison. A process is armed by its environment
(`TAPELINE_CRASH_POINT=before_send:3` kills it with -9 the third time it gets there, `@FILE` reads the same words from
a file as soon as there is one, so that a running process can be aimed at), a simulated one by `install`. Must not
change what the gateway does, and nobody but trials may arm anything.
"""

import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from connector.errors import ConnectorError

VARIABLE = "TAPELINE_CRASH_POINT"

# In the order in which a process comes by them. The value says what is durable by then, and what is not.
POINTS: Mapping[str, str] = MappingProxyType(
    {
        "during_start_up": "the account is taken over, nothing of the ledger is read",
        "during_lookup": "the venue told what became of an order, nobody knows yet",
        "during_reconciliation": "the venue listed its open orders, nothing is compared",
        "before_claim_commit": "a claim is made in memory, not in the ledger; its intent is read again",
        "after_claim_commit": "the claim is durable, nothing is sent",
        "before_send": "the order is about to go out",
        "after_answer_before_log": "the venue answered, neither log nor ledger know",
        "before_log": "updates are decided, the log has not been told",
        "after_log_before_ledger": "the log has the updates, the ledger does not know that it has",
        "before_offset_commit": "intents are done, their offsets are not stored",
        "after_offset_commit": "offsets of done intents are stored",
        "after_execution_before_log": "the venue told of an execution, it is not booked",
        "before_cancel_commit": "a cancel was asked for, the wish is not durable",
        "before_cancel_send": "the wish to cancel is durable, the venue was not asked",
        "after_cancel_answer": "the venue cancelled, neither log nor ledger know",
        "during_shut_down": "asked to end; placements have landed, the last changes are not in the ledger",
    }
)

Hook = Callable[[str], None]
_hook: Hook | None = None


def reach(name: str) -> None:
    """The gateway is at the point `name` of POINTS."""
    if _hook is not None:
        _hook(name)


def install(hook: Hook | None) -> None:
    """Called with the name of every point reached, in place of any earlier hook; None disarms."""
    global _hook
    _hook = hook


def arm(environment: Mapping[str, str]) -> None:
    """Once at the start of a process. Raises ConnectorError for words that name no point."""
    words = environment.get(VARIABLE, "")
    if words.startswith("@"):
        install(_KillAt(Path(words[1:])))
    elif words:
        _parse(words)
        install(_KillAt(words))


class _KillAt:
    """Counts from the moment it was aimed. A file is removed right before the kill: the next process lives."""

    def __init__(self, source: Path | str) -> None:
        self._source = source
        self._words = ""
        self._left = 0

    def __call__(self, name: str) -> None:
        words = self._read()
        if not words:
            return
        wanted, nth = _parse(words)
        if words != self._words:
            self._words, self._left = words, nth
        if name != wanted:
            return
        self._left -= 1
        if self._left == 0:
            if isinstance(self._source, Path):
                self._source.unlink(missing_ok=True)
            os.kill(os.getpid(), signal.SIGKILL)

    def _read(self) -> str:
        if isinstance(self._source, str):
            return self._source
        try:
            return self._source.read_text().strip()
        except FileNotFoundError:
            self._words = ""
            return ""


def _parse(words: str) -> tuple[str, int]:
    name, _, times = words.partition(":")
    if name not in POINTS or not (times or "1").isdigit() or int(times or "1") < 1:
        raise ConnectorError(
            f"{VARIABLE} is {words!r}; expected name or name:nth with one of the names {', '.join(POINTS)}"
        )
    return name, int(times or "1")
