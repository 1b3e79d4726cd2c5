"""Carries out what strategies ask for on the log, in the log's order where order matters.

No consumer group: this gateway alone reads every partition, and where it goes on from is in the ledger, moved in the
transaction of what it did. Placements run side by side; a cancel comes after the placements before it in the log that
it is about, and concerns none after it. What cannot be read goes to the dead letters and stops nothing (ES-6).
"""

import asyncio
from collections.abc import Coroutine
from decimal import Decimal, InvalidOperation
from typing import Any

from aiokafka import ConsumerRecord

from connector.errors import InvalidOrderError, OrderNotFoundError, VenueError
from connector.gateway import metrics
from connector.gateway.cancelling import Cancelling
from connector.gateway.desk import Desk
from connector.gateway.errors import AlreadyExistsError
from connector.gateway.exposure import Denial
from connector.gateway.ledger import IntentPosition
from connector.gateway.placing import Placing
from connector.gateway.refusals import INTENT_CONTRADICTS, READER, Refusals, not_ours
from connector.gateway.shape import choice_fault
from connector.port import OrderRequest
from observability.logs import correlated, get_logger
from topics.catalogue import INTENTS
from topics.codec import decode
from topics.errors import MalformedRecordError
from topics.log import Log, Producer, Reader, partitions_of
from topics.v1.common_pb2 import Grain, OrderType, Side, TimeInForce
from topics.v1.intents_pb2 import Intent
from topics.v1.orders_pb2 import OrderStatus

_log = get_logger(__name__)


class Intents:
    def __init__(self, desk: Desk, placing: Placing, cancelling: Cancelling) -> None:
        self._desk = desk
        self._placing = placing
        self._cancelling = cancelling
        self._refusals = Refusals(desk)
        self._room = asyncio.Semaphore(desk.settings.max_pending_intents)
        self._lane = asyncio.Semaphore(desk.settings.max_concurrent_placements)
        self._placements: dict[str, dict[str, asyncio.Task[None]]] = {}
        self.outcomes: dict[str, int] = {}

    async def run(self, log: Log) -> None:
        """Reads for ever. Raises what stops it: a lost log, a fenced ledger."""
        async with (
            log.producer(client_id=READER) as producer,
            log.reader(client_id=READER) as consumer,
        ):
            await self._seek(consumer, log)
            while True:
                for records in (await consumer.getmany(timeout_ms=1000, max_records=500)).values():
                    for record in records:
                        await self._take(record, producer)

    async def _seek(self, consumer: Reader, log: Log) -> None:
        partitions = partitions_of(log, [INTENTS])
        consumer.assign(partitions)
        known = await self._desk.ledger.intent_positions(INTENTS.physical_name(log.namespace))
        for partition in partitions:
            if partition.partition in known:
                consumer.seek(partition, known[partition.partition])
            else:
                await consumer.seek_to_beginning(partition)

    async def _take(self, record: ConsumerRecord, producer: Producer) -> None:
        await self._room.acquire()
        position = IntentPosition(record.topic, record.partition, record.offset)
        self._desk.group.progress.begin(position)
        try:
            intent = decode(INTENTS, record.value)
            work = self._work(intent, record, producer)
        except (MalformedRecordError, InvalidOrderError) as error:
            work, intent = self._bury(record, producer, position, str(error)), Intent()
        task = self._desk.background.spawn(self._finish(intent, work), name="intent")
        if intent.WhichOneof("action") == "place":
            self._placements.setdefault(intent.symbol, {})[intent.place.client_order_id] = task

    def _work(self, intent: Intent, record: ConsumerRecord, producer: Producer) -> Coroutine[Any, Any, str]:
        """What to do, decided at the intent's turn in the log. Raises InvalidOrderError for what makes no sense."""
        position = IntentPosition(record.topic, record.partition, record.offset)
        if (intent.venue, intent.account) != (self._desk.port.name, self._desk.port.account):
            return self._leave(position)
        match intent.WhichOneof("action"):
            case "place":
                request = request_of(intent)
                if fault := not_ours(request.client_order_id):
                    return self._refusals.refuse(intent, request, fault, record, producer)
                return self._place(request, intent, record, producer)
            case "cancel":
                client_order_id = intent.cancel.client_order_id
                before = self._placements.get(intent.symbol, {}).get(client_order_id)
                return self._cancel(intent.symbol, client_order_id, before, position)
            case "cancel_all":
                pending = self._placements.get(intent.symbol, {})
                return self._cancel_all(intent, dict(pending), position)
            case _:
                raise InvalidOrderError(f"intent {intent.intent_id!r} asks for nothing: no action is set")

    async def _finish(self, intent: Intent, work: Coroutine[Any, Any, str]) -> None:
        try:
            with correlated(correlation_id=intent.intent_id):
                outcome = await work
            metrics.INTENTS.labels(outcome).inc()
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        finally:
            self._room.release()
            pending = self._placements.get(intent.symbol, {})
            if pending.get(intent.place.client_order_id) is asyncio.current_task():
                del pending[intent.place.client_order_id]

    async def _place(self, request: OrderRequest, intent: Intent, record: ConsumerRecord, producer: Producer) -> str:
        position = IntentPosition(record.topic, record.partition, record.offset)
        denial = choice_fault(request) or check_grain(intent.grain, self._desk.grain(intent.symbol))
        async with self._lane:
            if self._desk.stopping:
                await asyncio.Future()  # ended with all other tasks: the next start reads this intent again
            try:
                result = await self._placing.place(
                    request,
                    strategy=intent.strategy,
                    intent_id=intent.intent_id,
                    position=position,
                    denial=denial,
                )
            except AlreadyExistsError as error:
                return await self._refusals.bury(INTENT_CONTRADICTS, intent.symbol, str(error), record, producer)
        if result.existing and denial is not None and result.order.reason_code != denial.code:
            reason = f"client order id {request.client_order_id} belongs to another order: {denial.reason}"
            return await self._refusals.bury(INTENT_CONTRADICTS, intent.symbol, reason, record, producer)
        if result.existing:
            self._desk.group.skip(position)
            return "duplicate"
        return OrderStatus.Name(result.order.status).removeprefix("ORDER_STATUS_").lower()

    async def _cancel(
        self, symbol: str, client_order_id: str, before: "asyncio.Task[None] | None", position: IntentPosition
    ) -> str:
        if before is not None:
            await self._desk.orders.at_venue_or_landed(client_order_id, before)
        try:
            await self._cancelling.cancel(symbol, client_order_id=client_order_id, position=position)
        except OrderNotFoundError as error:
            _log.warning("an intent cancels an order nobody knows", error=str(error))
            return "cancel_unknown"
        except VenueError as error:
            _log.warning("cancel failed, will be repeated", client_order_id=client_order_id, error=str(error))
            return "cancel_failed"
        return "cancel"

    async def _cancel_all(
        self, intent: Intent, pending: dict[str, "asyncio.Task[None]"], position: IntentPosition
    ) -> str:
        """Ends the strategy's orders of the symbol as they are at this place of the log (an empty strategy: all)."""
        concerned = dict.fromkeys([order.id for order in self._desk.orders.open(intent.symbol)])
        await asyncio.gather(*pending.values())
        found = [self._desk.orders.get(key) for key in {**concerned, **dict.fromkeys(pending)}]
        orders = [it for it in found if it and not it.terminal and intent.strategy in ("", it.strategy)]
        await self._cancelling.request(orders, position)
        failed = await self._cancelling.carry_out_all(intent.symbol, [order.id for order in orders])
        for client_order_id, error in failed.items():
            _log.warning("cancel failed, will be repeated", client_order_id=client_order_id, error=str(error))
        return "cancel_failed" if failed else "cancel_all"

    async def _leave(self, position: IntentPosition) -> str:
        self._desk.group.skip(position)
        return "not_ours"

    async def _bury(self, record: ConsumerRecord, producer: Producer, position: IntentPosition, reason: str) -> str:
        _log.error("an intent cannot be read", partition=record.partition, offset=record.offset, reason=reason)
        await producer.bury(INTENTS, record, reader=READER, reason=reason)
        self._desk.group.skip(position)
        return "malformed"


def request_of(intent: Intent) -> OrderRequest:
    """A choice this version has no word for is none."""
    place = intent.place
    return OrderRequest(
        symbol=intent.symbol,
        client_order_id=place.client_order_id,
        side=place.side if place.side in Side.values() else 0,
        type=place.type if place.type in OrderType.values() else 0,
        time_in_force=place.time_in_force if place.time_in_force in TimeInForce.values() else 0,
        price_ticks=place.price_ticks,
        quantity_lots=place.quantity_lots,
        reduce_only=place.reduce_only,
    )


def check_grain(theirs: Grain, ours: Grain) -> Denial | None:
    """Ticks and lots of another grain are other prices and quantities: never sent."""
    if not ours.tick_size or (theirs.tick_size, theirs.lot_size) == (ours.tick_size, ours.lot_size):
        return None
    told = f"tick {theirs.tick_size!r}, lot {theirs.lot_size!r}; the venue's are {ours.tick_size}, {ours.lot_size}"
    try:
        same = (Decimal(theirs.tick_size), Decimal(theirs.lot_size)) == (
            Decimal(ours.tick_size),
            Decimal(ours.lot_size),
        )
    except InvalidOperation:
        same = False
    return None if same else Denial("GRAIN_MISMATCH", f"the intent was made for {told}")
