"""What every record carries beside its message: CloudEvents attributes, correlation and causation.

Header names follow the CloudEvents Kafka binding (`ce_` prefix, binary mode).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

Headers = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Envelope:
    """`id` names the event, `correlation_id` the story it belongs to (an order: its client order id),
    `causation_id` the event that led to it. `time_ms` is the event's own time, Unix milliseconds."""

    id: str
    source: str
    time_ms: int
    correlation_id: str = ""
    causation_id: str = ""

    def headers(self, message_type: str) -> list[tuple[str, bytes]]:
        headers = [
            ("ce_specversion", b"1.0"),
            ("ce_id", self.id.encode()),
            ("ce_type", message_type.encode()),
            ("ce_source", self.source.encode()),
            ("ce_time", _rfc3339(self.time_ms)),
        ]
        if self.correlation_id:
            headers.append(("ce_correlationid", self.correlation_id.encode()))
        if self.causation_id:
            headers.append(("ce_causationid", self.causation_id.encode()))
        return headers


def read_headers(headers: Headers | None) -> dict[str, str]:
    """Attributes by name without the prefix; unreadable bytes are replaced, never raised on."""
    return {name.removeprefix("ce_"): value.decode(errors="replace") for name, value in headers or ()}


def _rfc3339(time_ms: int) -> bytes:
    return f"{_second(time_ms // 1000)}.{time_ms % 1000:03d}Z".encode()


@lru_cache(maxsize=64)
def _second(time_s: int) -> str:
    return f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%dT%H:%M:%S}"
