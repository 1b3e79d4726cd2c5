"""A gateway asked to stop while orders are in flight. Over both ledgers."""

import asyncio

from connector.gateway.gateway import STOP_WAIT_S
from tests.contract.gateway.conftest import Stage
from tests.unit.connector.gateway.given import ours, request
from tests.unit.connector.gateway.scripted_venue import Behaviour
from topics.v1.orders_pb2 import ORDER_STATUS_ACCEPTED


async def test_a_stop_finishes_what_is_answered_in_time(stage: Stage) -> None:
    """GRPC-3: the caller gets the answer and the log has it before the gateway has stopped."""
    gateway = await stage.gateway()
    hold = asyncio.Event()
    behaviour = Behaviour(until=hold)
    stage.venue.script.append(behaviour)
    placing = asyncio.ensure_future(gateway.place(request(1)))
    await behaviour.reached.wait()
    stage.clock.endless.add(STOP_WAIT_S)
    stopping = asyncio.ensure_future(gateway.stop())
    await stage.clock.until_slept(STOP_WAIT_S)
    hold.set()
    assert (await placing).order.status == ORDER_STATUS_ACCEPTED
    await stopping
    stage.gateways.clear()
    assert stage.log.of(ours(1))[-1].status == ORDER_STATUS_ACCEPTED


async def test_what_is_not_answered_in_time_is_found_by_the_next_start(stage: Stage) -> None:
    """GRPC-3, WF-3: its claim is durable, so it is looked up, and never sent again."""
    gateway = await stage.gateway()
    behaviour = Behaviour(until=asyncio.Event())
    stage.venue.script.append(behaviour)
    placing = asyncio.ensure_future(gateway.place(request(1)))
    await behaviour.reached.wait()
    await gateway.stop()
    await asyncio.gather(placing, return_exceptions=True)
    assert stage.log.of(ours(1)) == []
    stage.gateways.clear()
    again = await stage.gateway()
    assert [it.client_order_id for it in again.open_orders()] == [ours(1)]
    assert (await stage.log.until_status(ours(1), ORDER_STATUS_ACCEPTED)).reason_code == "ADOPTED"
    assert stage.venue.placed == {ours(1): 1}
