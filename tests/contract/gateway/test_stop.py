"""A gateway asked to stop while orders are in flight. Over both ledgers."""

import asyncio

from tests.contract.gateway.conftest import Stage
from tests.unit.connector.gateway.given import ours, request
from tests.unit.connector.gateway.scripted_venue import Behaviour
from topics.v1.orders_pb2 import ORDER_STATUS_ACCEPTED


async def test_a_stop_finishes_what_is_answered_in_time_and_marks_the_rest(stage: Stage) -> None:
    """GRPC-3: one reply comes while it stops, one never; the next start finds both at the venue, placed once."""
    gateway = await stage.gateway()
    soon, never = Behaviour(until=asyncio.Event()), Behaviour(until=asyncio.Event())
    stage.venue.script.extend([soon, never])
    placing = [asyncio.ensure_future(gateway.place(request(number))) for number in (1, 2)]
    for behaviour in (soon, never):
        await behaviour.reached.wait()
    stopping = asyncio.ensure_future(gateway.stop())
    await asyncio.sleep(0)
    assert soon.until is not None
    soon.until.set()
    assert (await placing[0]).order.status == ORDER_STATUS_ACCEPTED
    await stopping
    assert stage.log.of(ours(1))[-1].status == ORDER_STATUS_ACCEPTED
    assert stage.log.of(ours(2)) == []
    await asyncio.gather(*placing, return_exceptions=True)
    stage.gateways.clear()
    again = await stage.gateway()
    assert {it.client_order_id for it in again.open_orders()} == {ours(1), ours(2)}
    found = await stage.log.until_status(ours(2), ORDER_STATUS_ACCEPTED)
    assert found.reason_code == "ADOPTED"
    assert stage.venue.placed == {ours(1): 1, ours(2): 1}
