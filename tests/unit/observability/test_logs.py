"""Log lines are JSON, carry their correlation ids and never a secret."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from observability.logs import REDACTED, configure, correlated, get_logger, hide, redact_text


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure("connector", "DEBUG", stream=stream)
    yield stream
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def last(lines: io.StringIO) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(lines.getvalue().splitlines()[-1])
    return record


def test_a_line_is_json_and_names_its_process_and_logger(lines: io.StringIO) -> None:
    """OBS-4: structured JSON logs."""
    get_logger("publisher").info("published", records=3)
    record = last(lines)
    assert record["event"] == "published"
    assert record["process"] == "connector"
    assert record["logger"] == "publisher"
    assert record["records"] == 3
    assert record["level"] == "info"
    assert record["timestamp"].endswith("Z")


def test_a_line_of_a_library_takes_the_same_way(lines: io.StringIO) -> None:
    """OBS-4: what aiokafka or faust log is JSON and redacted too."""
    hide("hunter2hunter2")
    logging.getLogger("aiokafka.conn").warning("login with %s failed", "hunter2hunter2")
    record = last(lines)
    assert record["event"] == f"login with {REDACTED} failed"
    assert record["logger"] == "aiokafka.conn"
    assert record["process"] == "connector"


def test_correlation_ids_are_on_every_line_inside_and_none_outside(lines: io.StringIO) -> None:
    """OBS-4: correlation ids."""
    log = get_logger("gateway")
    with correlated(correlation_id="c-1", client_order_id="tl42"):
        log.info("inside")
        inside = last(lines)
    log.info("outside")
    assert inside["correlation_id"] == "c-1"
    assert inside["client_order_id"] == "tl42"
    assert "correlation_id" not in last(lines)


@pytest.mark.parametrize("key", ["api_key", "apiKey", "secret", "password", "X-Signature", "auth_token", "listenKey"])
def test_a_value_under_a_secret_looking_key_is_blanked(lines: io.StringIO, key: str) -> None:
    """GRPC-4: keys appear in no log."""
    get_logger("ccxt").warning("request", headers={key: "abcdef123456"})
    assert "abcdef123456" not in lines.getvalue()
    assert last(lines)["headers"][key] == REDACTED


def test_a_hidden_value_is_blanked_wherever_it_stands(lines: io.StringIO) -> None:
    """GRPC-4: keys appear in no log, traceback included."""
    hide("s3cr3t/value+1")
    try:
        int("refused key s3cr3t/value+1")
    except ValueError:
        get_logger("venue").exception("failed", nested=[{"url": "http://x/?k=s3cr3t%2Fvalue%2B1"}])
    assert "s3cr3t" not in lines.getvalue()
    assert "Traceback" in last(lines)["exception"]


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("postgresql://me:pw123@localhost/db", f"postgresql://me:{REDACTED}@localhost/db"),
        (
            "GET /fapi/v1/order?symbol=X&signature=deadbeef",
            f"GET /fapi/v1/order?symbol=X&signature={REDACTED}",
        ),
        ("order tl42 filled at 42000.10", "order tl42 filled at 42000.10"),
    ],
)
def test_passwords_in_addresses_and_signatures_in_queries_are_blanked(text: str, clean: str) -> None:
    """GRPC-4: no secret by way of an address."""
    assert redact_text(text) == clean


def test_an_unknown_level_is_refused_with_the_allowed_ones() -> None:
    """OBS-4: a clear message for a wrong level."""
    with pytest.raises(ValueError, match="'LOUD' is unknown; allowed: DEBUG, INFO"):
        configure("connector", "LOUD")
