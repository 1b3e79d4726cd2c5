"""Streams of a venue that misbehaves: user messages as a script says, frames late or lost as conditions say.

Must not: decide what is touched; `misbehaviour` and `conditions` do.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any

from venue.conditions import Conditions
from venue.instruments import Product
from venue.misbehaviour import Misbehaviour
from venue.shifted_ids import lowered
from venue.streams import Streams
from venue.user_messages import USER_STREAMS

_USERS = {name: product for product, name in USER_STREAMS.items()}


class ScriptedStreams(Streams):
    """What is late keeps its order: nothing of a stream overtakes what was sent before it."""

    def __init__(self, misbehaviour: Misbehaviour, conditions: Conditions) -> None:
        super().__init__()
        self._misbehaviour = misbehaviour
        self._late: dict[str, deque[tuple[float, Any]]] = {}
        self.meet(conditions)

    def meet(self, conditions: Conditions) -> None:
        """From now on these, and no others."""
        self._conditions = conditions
        self._since = time.monotonic()

    def publish(self, name: str, message: Any) -> int:
        product = _USERS.get(name)
        if product is None:
            return self._on_the_line(name, message)
        shift = self._misbehaviour.script.id_shift if product is Product.PERPETUAL else {}
        shown, heard = lowered(message, shift), 0
        for delay_s in self._misbehaviour.message(message, product):
            if delay_s:
                asyncio.get_running_loop().call_later(delay_s, self._on_the_line, name, shown)
            else:
                heard = self._on_the_line(name, shown)
        return heard

    def _on_the_line(self, name: str, message: Any) -> int:
        now = time.monotonic()
        condition = self._conditions.of(name, now - self._since)
        if condition is not None and condition.lost:
            return 0
        waiting = self._late.get(name)
        late_s = condition.late_ms / 1_000 if condition is not None else 0.0
        if not waiting and not late_s:
            return super().publish(name, message)
        if waiting is None:
            waiting = self._late[name] = deque()
        due = max(now + late_s, waiting[-1][0] if waiting else now)
        waiting.append((due, message))
        if len(waiting) == 1:
            asyncio.get_running_loop().call_later(due - now, self._release, name)
        return len(self.listeners(name))

    def _release(self, name: str) -> None:
        waiting, now = self._late[name], time.monotonic()
        while waiting and waiting[0][0] <= now:
            super().publish(name, waiting.popleft()[1])
        if waiting:
            asyncio.get_running_loop().call_later(waiting[0][0] - now, self._release, name)
