"""Records that are wrong in ways a broken or foreign writer makes them, and who of the readers cannot read each.

They look like those around them as far as they can: the keys are the traded ones. None claims to be an order of ours,
so that a record some reader may take makes no order appear that nobody placed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from agents.folding import SOURCE as AGENTS
from agents.main import pure_agents
from agents.settings import AgentsSettings
from connector.gateway.refusals import READER as GATEWAY
from projections import folds
from topics.catalogue import ACCOUNT, CONTROL, FUNDING, INSTRUMENTS, INTENTS, MARKET, ORDERS, RISK, SLOTS, Topic
from topics.codec import Record
from topics.v1.account_pb2 import AccountUpdate, Balance
from topics.v1.common_pb2 import Grain
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.intents_pb2 import Intent
from topics.v1.orders_pb2 import OWNERSHIP_FOREIGN, OrderUpdate

VENUE: Final = "paper"
SYMBOL: Final = "BTCUSDT"
OWNER: Final = "main"
PROJECTIONS: Final = "projections"
_SETTINGS: Final = AgentsSettings(data_dir=Path())
INPUTS: Final[tuple[Topic[Any], ...]] = (
    MARKET, ORDERS, INTENTS, ACCOUNT, FUNDING, INSTRUMENTS, CONTROL, RISK, SLOTS,
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """`readers`: those of the topic's readers that cannot read it, None for all of them; another one may take it."""

    name: str
    topics: tuple[Topic[Any], ...]
    value: Callable[[Topic[Any]], bytes]
    readers: frozenset[str] | None = None


@dataclass(frozen=True)
class Poison:
    """A record to send, and who must bury it."""

    topic: Topic[Any]
    record: Record
    readers: frozenset[str]


def readers_of(topic: Topic[Any]) -> frozenset[str]:
    """Under the names they sign dead letters with."""
    agents = {f"{AGENTS}/{agent.name}" for agent in pure_agents(_SETTINGS) if topic in agent.inputs}
    gateway = {GATEWAY} if topic is INTENTS else set()
    projections = {PROJECTIONS} if topic in folds.TOPICS else set()
    return frozenset(agents | gateway | projections)


def good(topic: Topic[Any], symbol: str = SYMBOL) -> Any:
    """A message of the topic that says nothing but whom it is about."""
    if topic is ACCOUNT:
        return AccountUpdate(venue=VENUE, account=OWNER)
    return topic.message(venue=VENUE, symbol=symbol)


def _agents(topics: Iterable[Topic[Any]]) -> frozenset[str]:
    return frozenset(name for topic in topics for name in readers_of(topic) if name.startswith(AGENTS))


def _no_number(topic: Topic[Any]) -> bytes:
    if topic is ACCOUNT:
        balance = Balance(asset="USDT", wallet_balance="much", available_balance="more")
        return AccountUpdate(venue=VENUE, account=OWNER, balances=[balance]).SerializeToString()
    if topic is FUNDING:
        return FundingUpdate(venue=VENUE, symbol=SYMBOL, rate="low", mark_price="high").SerializeToString()
    grain = Grain(tick_size="ten", lot_size="0.001")
    foreign = OrderUpdate(venue=VENUE, symbol=SYMBOL, venue_order_id="poison", grain=grain, ownership=OWNERSHIP_FOREIGN)
    return foreign.SerializeToString()


_MISPLACED: Final = (MARKET, ORDERS, CONTROL)
KINDS: Final = (
    Kind("not protobuf", INPUTS, lambda _: b"\xff\xff\xff nonsense"),
    Kind("empty", INPUTS, lambda _: b""),
    Kind("cut off", INPUTS, lambda topic: good(topic).SerializeToString()[:-1]),
    Kind(
        "about another key", _MISPLACED, lambda topic: good(topic, "ELSEUSDT").SerializeToString(), _agents(_MISPLACED)
    ),
    Kind("numbers that are none", (ORDERS, ACCOUNT, FUNDING), _no_number, frozenset({PROJECTIONS})),
    Kind(
        "an intent that asks for nothing",
        (INTENTS,),
        lambda _: Intent(venue=VENUE, symbol=SYMBOL, account=OWNER, intent_id="poison").SerializeToString(),
        frozenset({GATEWAY}),
    ),
)


def poison(kind: Kind, topic: Topic[Any], symbol: str = SYMBOL) -> Poison:
    """`symbol`: under whose key it comes."""
    readers = readers_of(topic) if kind.readers is None else kind.readers & readers_of(topic)
    return Poison(topic, Record(topic.name, topic.key_of(good(topic, symbol)).encode(), kind.value(topic), []), readers)


def any_poison(chance: random.Random, symbols: Sequence[str]) -> Poison:
    """Under the key of any of these on the market's topic, of the traded one on the others."""
    kind = chance.choice(KINDS)
    topic = chance.choice(kind.topics)
    return poison(kind, topic, chance.choice(symbols) if topic is MARKET else SYMBOL)
