"""How messages are read by every fold: numbers, names of enum values, whether a record is news.

Nothing here knows a table.
"""

from decimal import Decimal, InvalidOperation
from typing import Any

from topics.errors import MalformedRecordError, OffGridError
from topics.scale import Scale
from topics.v1.common_pb2 import Grain, OrderType, Side, TimeInForce
from topics.v1.instruments_pb2 import InstrumentKind
from topics.v1.orders_pb2 import OrderStatus, Ownership
from topics.v1.risk_pb2 import RiskAction, RiskState
from topics.v1.slots_pb2 import SlotState

# Errors of a single record: it goes to the dead letters and the fold goes on.
POISON = (MalformedRecordError, OffGridError)


def _names(enum: Any, prefix: str) -> dict[int, str]:
    return {number: name.removeprefix(prefix) for name, number in enum.items()}


SIDES = _names(Side, "SIDE_")
ORDER_TYPES = _names(OrderType, "ORDER_TYPE_")
TIMES_IN_FORCE = _names(TimeInForce, "TIME_IN_FORCE_")
STATUSES = _names(OrderStatus, "ORDER_STATUS_")
OWNERSHIPS = _names(Ownership, "OWNERSHIP_")
SLOT_STATES = _names(SlotState, "SLOT_STATE_")
RISK_STATES = _names(RiskState, "RISK_STATE_")
RISK_ACTIONS = _names(RiskAction, "RISK_ACTION_")
INSTRUMENT_KINDS = _names(InstrumentKind, "INSTRUMENT_KIND_")


def name_of(names: dict[int, str], number: int) -> str:
    """The value's short name; a number of a newer schema is shown as itself."""
    return names.get(number) or str(number)


def decimal(text: str, what: str) -> Decimal:
    """A decimal string of a message; empty is 0. Raises MalformedRecordError for anything else."""
    if not text:
        return Decimal(0)
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise MalformedRecordError(f"{what} {text!r} is not a decimal number") from error


def decimal_or_none(text: str, what: str) -> Decimal | None:
    return decimal(text, what) if text else None


def scale_of(grain: Grain) -> Scale:
    """Raises MalformedRecordError or OffGridError where the record has no usable grain."""
    try:
        return Scale.of(grain)
    except InvalidOperation as error:
        raise MalformedRecordError(
            f"grain {grain.tick_size!r} / {grain.lot_size!r} is not a pair of decimal numbers"
        ) from error


def is_known(row_seq: int, row_offset: int, seq: int, offset: int) -> bool:
    """Whether a row already holds this record: delivered again (same place) or published again (same seq)."""
    return offset <= row_offset or 0 < seq <= row_seq
