"""Every topic there is: its message, its key, its one writer, how long it is kept (ES-1).

The only list of topics in the product. `tapeline topics apply` makes the broker match it, `topics list` shows it.
Topics keyed by instrument share one partition count, so that one worker owns all there is to know of an instrument.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from topics.v1.account_pb2 import AccountUpdate
from topics.v1.alerts_pb2 import Alert
from topics.v1.control_pb2 import ControlEvent
from topics.v1.dead_letter_pb2 import DeadLetter
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.instruments_pb2 import Instrument
from topics.v1.intents_pb2 import Intent
from topics.v1.market_pb2 import MarketBatch
from topics.v1.orders_pb2 import OrderUpdate
from topics.v1.risk_pb2 import RiskEvent
from topics.v1.slots_pb2 import SlotChanged
from topics.v1.state_pb2 import AgentState

MessageT = TypeVar("MessageT", bound=Message)

PARTITIONS = 8
FOREVER_MS = -1
WEEK_MS = 7 * 24 * 3600 * 1000
# Only closed segments are compacted: small ones keep what a recovery reads to a few megabytes a partition.
COMPACTION = {"segment.bytes": str(16 << 20), "min.cleanable.dirty.ratio": "0.1"}


def _instrument_key(message: Any) -> str:
    return f"{message.venue}:{message.symbol}"


def _account_key(message: Any) -> str:
    return f"{message.venue}:{message.account}"


def _agent_key(message: Any) -> str:
    """The agent's own key: the partition must be that of the instrument or account it is about."""
    return f"{message.venue}:{message.symbol or message.account}"


def _source_key(message: Any) -> str:
    return str(message.source)


def _position_key(message: Any) -> str:
    return f"{message.position.topic}:{message.position.partition}:{message.position.offset}"


@dataclass(frozen=True)
class Topic(Generic[MessageT]):
    """`key_shape` is the key in words, `writer` the one process that may write it."""

    name: str
    message: type[MessageT]
    key_shape: str
    key_of: Callable[[MessageT], str]
    writer: str
    holds: str
    partitions: int = PARTITIONS
    retention_ms: int = FOREVER_MS
    compacted: bool = False

    def physical_name(self, namespace: str = "") -> str:
        """The name at the broker; a namespace keeps several pipelines apart on one cluster."""
        return namespace + self.name

    @property
    def dead_letters(self) -> "Topic[DeadLetter]":
        return Topic(
            name=f"{self.name}.dlq",
            message=DeadLetter,
            key_shape="topic:partition:offset",
            key_of=_position_key,
            writer="whoever reads",
            holds=f"records of {self.name} that could not be read, with the reason",
            partitions=1,
        )

    @property
    def configuration(self) -> dict[str, str]:
        """The broker's settings for this topic."""
        common = {
            "cleanup.policy": "compact" if self.compacted else "delete",
            "retention.ms": str(self.retention_ms),
        }
        return common | COMPACTION if self.compacted else common


INSTRUMENTS = Topic(
    "instruments", Instrument, "venue:symbol", _instrument_key, "connector",
    "instrument metadata as the venue gave it", compacted=True,
)  # fmt: skip
MARKET = Topic(
    "market", MarketBatch, "venue:symbol", _instrument_key, "connector",
    "quotes, trades and candles in batches", retention_ms=WEEK_MS,
)  # fmt: skip
FUNDING = Topic(
    "funding", FundingUpdate, "venue:symbol", _instrument_key, "connector", "funding rates and mark prices",
)  # fmt: skip
ORDERS = Topic(
    "orders", OrderUpdate, "venue:symbol", _instrument_key, "connector", "every change of every order, and every fill",
)  # fmt: skip
ACCOUNT = Topic(
    "account", AccountUpdate, "venue:account", _account_key, "connector", "balances, positions, funding payments",
)  # fmt: skip
INTENTS = Topic(
    "intents", Intent, "venue:symbol", _instrument_key, "agents", "what strategies want done at the venue",
)  # fmt: skip
SLOTS = Topic(
    "slots", SlotChanged, "venue:symbol", _instrument_key, "agents", "every step of every grid slot",
)  # fmt: skip
RISK = Topic(
    "risk", RiskEvent, "venue:symbol", _instrument_key, "agents", "trips and releases of risk rules",
)  # fmt: skip
CONTROL = Topic(
    "control", ControlEvent, "venue:symbol", _instrument_key, "tapeline", "what operators asked for",
)  # fmt: skip
ALERTS = Topic(
    "alerts", Alert, "process", _source_key, "any process", "what a person should know", partitions=1,
)  # fmt: skip
GRID_STATE = Topic(
    "grid_state", AgentState, "venue:symbol", _agent_key, "agents",
    "the grid agent's state and outbox by instrument", compacted=True,
)  # fmt: skip
VOLATILITY_STATE = Topic(
    "volatility_state", AgentState, "venue:symbol", _agent_key, "agents",
    "the volatility agent's state and outbox by instrument", compacted=True,
)  # fmt: skip
EXPOSURE_STATE = Topic(
    "exposure_state", AgentState, "venue:account", _agent_key, "agents",
    "the exposure agent's state and outbox by account", compacted=True,
)  # fmt: skip

TOPICS: tuple[Topic[Any], ...] = (
    INSTRUMENTS, MARKET, FUNDING, ORDERS, ACCOUNT, INTENTS, SLOTS, RISK, CONTROL, ALERTS,
    GRID_STATE, VOLATILITY_STATE, EXPOSURE_STATE,
)  # fmt: skip

BY_NAME: dict[str, Topic[Any]] = {
    topic.name: topic for declared in TOPICS for topic in (declared, declared.dead_letters)
}
