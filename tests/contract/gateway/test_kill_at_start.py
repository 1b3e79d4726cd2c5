"""A start under the kill switch, before log and ledger are there."""

from connector.errors import VenueUnavailableError
from connector.gateway.postgres_kill import PostgresKill
from connector.kill_at_start import cancel_if_killed
from tests.unit.connector.gateway.given import ACCOUNT, OTHER_SYMBOL, SYMBOL, VENUE, request
from tests.unit.connector.gateway.scripted_venue import LIVE, ScriptedVenue

SYMBOLS = (SYMBOL, OTHER_SYMBOL)


def venue_with_orders() -> ScriptedVenue:
    venue = ScriptedVenue(*SYMBOLS)
    venue.accept(request(1))
    venue.accept(request(2, symbol=OTHER_SYMBOL))
    venue.accept(request(client_order_id="manual1"))
    return venue


def alive(venue: ScriptedVenue) -> list[str]:
    return [it.client_order_id for it in venue.orders.values() if it.status in LIVE]


async def test_a_start_under_the_kill_switch_cancels_before_it_needs_the_log(postgres_database: str) -> None:
    """RISK-8: only what is ours, also where one call fails at first; the switch was written into an empty database."""
    venue = venue_with_orders()
    assert await cancel_if_killed(venue, postgres_database, SYMBOLS) == 0
    switch = PostgresKill(postgres_database, VENUE, ACCOUNT)
    await switch.turn(killed=True, by="Ann", reason="drill", everything=False, time_ms=1)
    venue.cancel_script.append(VenueUnavailableError("503"))
    assert await cancel_if_killed(venue, postgres_database, SYMBOLS) == 2
    assert alive(venue) == ["manual1"]
    await switch.turn(killed=False, by="Ann", reason="over", everything=False, time_ms=2)
    venue.accept(request(3))
    assert await cancel_if_killed(venue, postgres_database, SYMBOLS) == 0


async def test_without_a_database_the_start_goes_on_to_say_so_itself() -> None:
    """RISK-8: nothing is cancelled on a guess."""
    venue = venue_with_orders()
    assert await cancel_if_killed(venue, "postgresql://127.0.0.1:1/none", SYMBOLS) == 0
    assert len(alive(venue)) == 3
