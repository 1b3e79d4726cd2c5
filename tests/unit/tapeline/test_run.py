"""Which log lines of the processes reach the terminal."""

from __future__ import annotations

from typing import Any

import pytest

from tapeline.run import _concerns_a_person


@pytest.mark.parametrize(
    ("record", "shown"),
    [
        ({"level": "error", "logger": "connector.main", "process": "connector"}, True),
        ({"level": "error", "logger": "supervisor", "process": "kafka"}, True),
        ({"level": "critical", "process": "postgres"}, True),
        ({"level": "info", "logger": "connector.main", "process": "connector"}, False),
        ({"level": "warning", "process": "kafka"}, False),
        ({"level": "error", "logger": "aiokafka.consumer.fetcher", "process": "agents"}, False),
    ],
)
def test_the_terminal_shows_what_concerns_a_person_and_not_a_librarys_retries(
    record: dict[str, Any], *, shown: bool
) -> None:
    """OBS-4: trouble is seen; a broker that was away does not scroll it off the screen."""
    assert _concerns_a_person(record) is shown
