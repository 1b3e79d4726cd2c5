"""A connector that starts while its venue is away or refuses it for its rate; time is the simulator's loop's."""

from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest

from connector.errors import AuthenticationError, ConnectorError, NotSentError, RateLimitedError, VenueUnavailableError
from connector.venue_at_start import start_venue
from reliability.simulation.loop import VirtualLoop
from tests.unit.connector.gateway.given import SYMBOL
from tests.unit.connector.gateway.scripted_venue import ScriptedVenue
from topics.v1.instruments_pb2 import Instrument


class Reluctant(ScriptedVenue):
    """Raises these one after the other at its start, and notes when it was asked."""

    def __init__(self, loop: VirtualLoop, *errors: Exception) -> None:
        super().__init__(SYMBOL)
        self.loop = loop
        self.errors = list(errors)
        self.asked_s: list[float] = []

    async def start(self) -> Sequence[Instrument]:
        self.asked_s.append(self.loop.time())
        if self.errors:
            raise self.errors.pop(0)
        return await super().start()


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    with closing(VirtualLoop()) as it:
        yield it


def listed(venue: Reluctant) -> list[Instrument]:
    return venue.loop.run_until_complete(start_venue(venue, limit_s=30, timeout_s=10))


def test_a_rate_limit_is_waited_for_as_long_as_the_venue_asks(loop: VirtualLoop) -> None:
    """WF-4, GRPC-4: 429 and 418 at the start end nothing; without a word how long, it asks rarely."""
    venue = Reluctant(loop, RateLimitedError("429", 7), RateLimitedError("418"), VenueUnavailableError("503"))
    assert [it.symbol for it in listed(venue)] == [SYMBOL]
    assert venue.asked_s == [0, 7, 12, 12.5]


def test_a_longer_ban_ends_the_start_late_and_without_a_further_request(loop: VirtualLoop) -> None:
    """WF-4: the process that is started next comes no sooner for it."""
    venue = Reluctant(loop, NotSentError("refused"), RateLimitedError("418", 600))
    with pytest.raises(RateLimitedError):
        listed(venue)
    assert (venue.asked_s, loop.time()) == ([0, 0.5], 30)


def test_a_refused_key_is_refused_at_once(loop: VirtualLoop) -> None:
    """GRPC-4: it says which key of which account."""
    with pytest.raises(ConnectorError, match="refuses the API key of account"):
        listed(Reluctant(loop, AuthenticationError("-2015")))
    assert loop.time() == 0
