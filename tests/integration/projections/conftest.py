"""A log of a test's own with a made-up trading history, and the projector run against it."""

import pytest

from topics.admin import apply
from topics.log import LogAddress


@pytest.fixture
async def log(kafka_bootstrap: str, namespace: str) -> LogAddress:
    """All topics of the catalogue under the test's namespace, empty."""
    address = LogAddress(kafka_bootstrap, namespace)
    await apply(address)
    return address
