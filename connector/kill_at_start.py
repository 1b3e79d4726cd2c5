"""While the kill switch is on, a start cancels before it needs the log (RISK-8).

A connector that finds no Kafka ends, and is started again, and ends: without this look, nobody would cancel anything
for as long as Kafka is away. It concludes nothing: whether the venue is empty is for the gateway to say.
"""

from collections.abc import Iterable

import psycopg

from connector.gateway.postgres_kill import PostgresKill
from connector.gateway.venue_sweep import VenueSweep
from connector.port import VenueOrder, VenuePort
from observability.logs import get_logger

_log = get_logger(__name__)
_LOOKS = 3


async def cancel_if_killed(port: VenuePort, dsn: str, symbols: Iterable[str]) -> int:
    """How many orders were cancelled. Raises nothing: what is not done here the gateway does, or says."""
    try:
        state = await PostgresKill(dsn, port.name, port.account).read()
    except psycopg.Error as error:
        _log.warning("the kill switch could not be read yet", error=str(error))
        return 0
    if not state.killed:
        return 0
    _log.error("kill switch", at="start", reason=state.text)
    sweep = VenueSweep(port, wanted=lambda: True, told=_leave, gone=_leave_gone)
    names, cancelled = list(symbols), 0
    for _ in range(_LOOKS):
        look = await sweep.look(names, everything=state.everything)
        cancelled += look.cancelled
        if look.clean:
            break
    return cancelled


def _leave(answer: VenueOrder) -> None:
    """The gateway finds each order's end when it reconciles."""


def _leave_gone(symbol: str, venue_order_id: str) -> None:
    """As above."""
