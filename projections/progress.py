"""How far each agent is: the newest state it wrote of a key, without the state itself.

The account is part of the key of account-wide agents only; those of a symbol come to know theirs.
"""

from typing import NamedTuple

from projections.rows import Place, Rows, Table
from topics.v1.state_pb2 import AgentState


class AgentProgressRow(NamedTuple):
    agent: str
    venue: str
    symbol: str
    account: str
    version: int
    market_time_ms: int
    market_update_id: int
    market_seq: int
    outbox: int
    topic: str
    partition: int
    offset: int


AGENT_PROGRESS = Table("agent_progress", AgentProgressRow, key_size=4, resident=True)


def fold(rows: Rows[AgentProgressRow], state: AgentState, place: Place) -> None:
    key = (state.agent, state.venue, state.symbol, "" if state.symbol else state.account)
    row = rows.get(*key)
    if row and place.offset <= row.offset:
        return
    rows.put(
        AgentProgressRow(
            *key,
            state.version,
            state.market_time_ms,
            state.market_update_id,
            state.market_seq,
            len(state.outbox),
            *place,
        )
    )
