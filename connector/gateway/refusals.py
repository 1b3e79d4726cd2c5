"""Intents that can be no orders of ours: refused as an event with the reason, never sent (WF-1, WF-2).

Whoever waits for an order must hear of its end, so a refusal is an update DENIED wherever the id in the intent names no
other order. Where it does, or where there is none, an update could end somebody else's order: then a person is told and
the intent goes to the dead letters with the reason.
"""

from dataclasses import replace

from aiokafka import ConsumerRecord

from connector.errors import VenueError, VenueRejectedError
from connector.gateway.desk import Desk
from connector.gateway.exposure import Denial
from connector.gateway.ledger import IntentPosition
from connector.gateway.lifecycle import Order, as_update
from connector.gateway.shape import id_fault
from connector.port import OrderRequest
from observability.logs import get_logger
from topics.catalogue import INTENTS
from topics.identifiers import CLIENT_ORDER_ID_LENGTH, CLIENT_ORDER_ID_PREFIX, is_ours
from topics.log import Producer
from topics.v1.intents_pb2 import Intent
from topics.v1.orders_pb2 import ORDER_SOURCE_GATEWAY, ORDER_STATUS_DENIED

_log = get_logger(__name__)
READER = "connector.gateway"
INTENT_REFUSED = "INTENT_REFUSED"
INTENT_CONTRADICTS = "INTENT_CONTRADICTS"
LONGEST_NAMED = 200


def not_ours(client_order_id: str) -> Denial | None:
    """Why an intent may not use this id, or None."""
    if fault := id_fault(client_order_id[:LONGEST_NAMED]):
        return fault
    if is_ours(client_order_id):
        return None
    return Denial(
        "FOREIGN_PREFIX",
        f"client order id {client_order_id!r} is not {CLIENT_ORDER_ID_PREFIX!r} and {CLIENT_ORDER_ID_LENGTH} "
        "characters in all: at the venue it would count as somebody else's and never be touched again",
    )


class Refusals:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def refuse(
        self, intent: Intent, request: OrderRequest, why: Denial, record: ConsumerRecord, producer: Producer
    ) -> str:
        """For an id that is not ours; nothing is claimed. Returns the outcome for the count."""
        position = IntentPosition(record.topic, record.partition, record.offset)
        named = request.client_order_id and len(request.client_order_id) <= LONGEST_NAMED
        if not named or await self._may_be_in_use(request):
            return await self.bury(INTENT_REFUSED, intent.symbol, why.reason, record, producer)
        order = self._denied(intent, request, why)
        _log.warning("order denied", client_order_id=order.id, code=why.code, reason=why.reason)
        self._desk.journal.write([as_update(order, source=ORDER_SOURCE_GATEWAY)])
        await self._desk.journal.said()
        self._desk.group.skip(position)
        return "denied"

    async def bury(self, code: str, symbol: str, reason: str, record: ConsumerRecord, producer: Producer) -> str:
        """A person is told, the intent is kept with the reason, no order hears of it."""
        subject = f"{record.topic}/{record.partition}/{record.offset}"
        self._desk.alerts.tell(code, subject, f"intent at {subject} is refused: {reason}", symbol=symbol)
        await producer.bury(INTENTS, record, reader=READER, reason=reason)
        self._desk.group.skip(IntentPosition(record.topic, record.partition, record.offset))
        return "already_exists" if code == INTENT_CONTRADICTS else "refused"

    async def _may_be_in_use(self, request: OrderRequest) -> bool:
        """By an order in the ledger or at the venue, or nobody can tell."""
        client_order_id = request.client_order_id
        if self._desk.orders.get(client_order_id) or await self._desk.ledger.find(client_order_id=client_order_id):
            return True
        try:
            return await self._desk.port.find_order(request.symbol, client_order_id=client_order_id) is not None
        except VenueRejectedError:
            return False
        except VenueError as error:
            _log.warning("an id could not be asked for", client_order_id=client_order_id, error=str(error))
            return True

    def _denied(self, intent: Intent, request: OrderRequest, why: Denial) -> Order:
        desk = self._desk
        now_ns = desk.clock.now_ns()
        order = Order(
            venue=desk.port.name,
            account=desk.port.account,
            request=request,
            tick_size=intent.grain.tick_size,
            lot_size=intent.grain.lot_size,
            strategy=intent.strategy,
            intent_id=intent.intent_id,
            time_ms=now_ns // 1_000_000,
            answered_ns=now_ns,
        )
        return replace(order, status=ORDER_STATUS_DENIED, reason_code=why.code, reason=why.reason)
