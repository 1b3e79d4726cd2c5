"""Structured logs: one JSON object a line on stdout, with correlation ids and without secrets (OBS-4).

`configure` is called once, first thing, by each process; everything else calls `get_logger`. The standard
library's loggers (aiokafka, faust, ccxt, aiohttp …) go through the same chain, so a line of theirs is JSON
too and is redacted the same way. This module must not import anything of ours and must not decide where
lines end up: the supervisor reads stdout and writes the files.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TextIO, cast
from urllib.parse import quote

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

REDACTED: Final = "[redacted]"

_SECRET_KEY: Final = re.compile(
    r"(secret|passw(or)?d|passphrase|api_?key|listen_?key|private_?key|authorization|signature|credential|(^|_)token$)",
    re.IGNORECASE,
)
# user:password@host in any address, and signature=… / listenKey=… in a query string
_SECRET_IN_TEXT: Final = (
    (re.compile(r"(?P<keep>\w+://[^\s:/@]+:)[^\s@/]+(?=@)"), rf"\g<keep>{REDACTED}"),
    (
        re.compile(r"(?P<keep>\b(?:signature|listenKey|apiKey)=)[^&\s'\"]+", re.IGNORECASE),
        rf"\g<keep>{REDACTED}",
    ),
)
_MIN_SECRET_LENGTH: Final = 6
_secret_values: set[str] = set()

# Chatty at INFO in ways that say nothing about trading.
_QUIETER: Final = ("aiokafka", "kafka", "faust", "mode", "ccxt", "aiohttp.access", "asyncio", "grpc")


def get_logger(name: str) -> FilteringBoundLogger:
    """A logger whose lines carry `logger: name`. Safe to call at import, before `configure`."""
    return cast("FilteringBoundLogger", structlog.get_logger(name))


def hide(*secrets: str | None) -> None:
    """Never let these values into a log line from now on, wherever in the line they stand.

    Call it as soon as a key or password is read. Values shorter than 6 characters are not hidden: they would
    blank out ordinary words and digits, and no credential worth having is that short.
    """
    for secret in secrets:
        if secret and len(secret) >= _MIN_SECRET_LENGTH:
            _secret_values.update({secret, quote(secret, safe="")})


def configure(process_name: str, level: str = "INFO", *, stream: TextIO | None = None) -> None:
    """Send every log line of this process to `stream` (stdout) as JSON with `process: process_name`.

    `level` is a name of the standard library ("DEBUG" … "ERROR"); anything else raises ValueError.
    """
    threshold = logging.getLevelNamesMapping().get(level.upper())
    if threshold is None:
        raise ValueError(f"log level {level!r} is unknown; allowed: DEBUG, INFO, WARNING, ERROR, CRITICAL")

    def name_process(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["process"] = process_name
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        name_process,
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream if stream is not None else sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=_dumps),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)
    for name in _QUIETER:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))
    logging.captureWarnings(capture=True)


@contextmanager
def correlated(**ids: str) -> Iterator[None]:
    """Bind ids (`correlation_id=…`, `client_order_id=…`) to every line logged inside, across awaits."""
    with structlog.contextvars.bound_contextvars(**ids):
        yield


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: blanks values under secret-looking keys and hidden values inside any text."""
    return {key: REDACTED if _is_secret(key, value) else _clean(value) for key, value in event.items()}


def _is_secret(key: Any, value: Any) -> bool:
    return isinstance(value, str | bytes) and bool(_SECRET_KEY.search(str(key)))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bytes):
        return redact_text(value.decode("utf-8", "backslashreplace"))
    if isinstance(value, Mapping):
        return {key: REDACTED if _is_secret(key, inner) else _clean(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(inner) for inner in value]
    if isinstance(value, Exception):
        return redact_text(repr(value))
    return value


def redact_text(text: str) -> str:
    """The text without hidden values, passwords in addresses and signatures in query strings."""
    for secret in _secret_values:
        if secret in text:
            text = text.replace(secret, REDACTED)
    for pattern, replacement in _SECRET_IN_TEXT:
        text = pattern.sub(replacement, text)
    return text


def _dumps(event: EventDict, **_options: Any) -> str:
    return orjson.dumps(event, default=_text, option=orjson.OPT_NON_STR_KEYS).decode()


def _text(value: Any) -> str:
    return redact_text(str(value))
