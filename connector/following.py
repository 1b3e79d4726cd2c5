"""What a gRPC subscriber gets: first what it missed, from the log, then what happens; each number once (GRPC-5).

Messages are told live only once the log has them, so the log's newest number and the live stream meet without a gap.
"""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic

from connector.broadcast import Broadcast
from connector.grpc_errors import InvalidFieldError
from connector.joining import joined
from connector.replay import BrokenSequenceError, MissedError, Missing, Replays
from connector.sequences import first_seq, last_seq
from topics.catalogue import MessageT, Topic
from topics.v1.market_pb2 import MarketBatch

AT_ONCE = 255
FEW = 256
"""So few missed messages are read while live ones wait in the subscriber's buffer; more are read before."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Where a stream begins: the last number before it, by name."""

    after_seq: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Channel(Generic[MessageT]):
    """One topic as subscribers see it. `name_of` a message is its symbol or account, `names` are all there are now."""

    topic: Topic[MessageT]
    broadcast: Broadcast[MessageT]
    venue: str
    name_of: Callable[[MessageT], str]
    names: Iterable[str]

    def key(self, name: str) -> str:
        return f"{self.venue}:{name}"


class Following:
    """`resume_limit`: how many messages a subscriber may have missed."""

    def __init__(self, replays: Replays, *, resume_limit: int) -> None:
        self._replays = replays
        self._resume_limit = resume_limit

    async def follow(
        self,
        channel: Channel[MessageT],
        names: Iterable[str],
        after_seq: Mapping[str, int],
        overflowed: Callable[[], None] = lambda: None,
    ) -> AsyncGenerator[Begin | MessageT, None]:
        """`Begin` first. `names` empty: all, those that appear later too. A name not in `after_seq` begins now.

        Raises MissedError, InvalidFieldError for a name in `after_seq` that is not followed, and what a Subscription
        raises.
        """
        asked = list(dict.fromkeys(names))
        newest = channel.broadcast.newest
        known = {name: newest.get(name, 0) for name in asked or channel.names}
        self._check(channel, known, after_seq)
        reached = known | dict(after_seq)
        replay = self._replays.of(channel.topic)
        begun = False
        while _count(_missing(channel, reached)) > FEW:
            if not begun:
                begun = True
                yield Begin(dict(reached))
            for message in _news(channel, reached, await replay.page(_missing(channel, reached))):
                yield message
        with channel.broadcast.subscribe(asked, overflowed=overflowed) as subscription:
            missing = _missing(channel, reached)
            if not begun:
                yield Begin(dict(reached))
            while missing:
                for message in _news(channel, reached, await replay.page(missing)):
                    yield message
                missing = {
                    key: Missing(reached[name], one.until)
                    for key, one in missing.items()
                    if reached[name := key.removeprefix(channel.key(""))] < one.until
                }
            async for message in subscription:
                for news in _news(channel, reached, joined([message, *subscription.take(AT_ONCE)])):
                    yield news

    def _check(self, channel: Channel[Any], known: Mapping[str, int], after_seq: Mapping[str, int]) -> None:
        behind = 0
        for name, after in after_seq.items():
            if name not in known:
                raise InvalidFieldError("after_seq", f"names {name!r}, which is not among what is subscribed to")
            if after > known[name]:
                raise MissedError(
                    f"{channel.topic.name}: {name} is at seq {known[name]}, not yet at {after}: another log than the "
                    "one subscribed to before; subscribe without after_seq"
                )
            behind += known[name] - after
        if behind > self._resume_limit:
            raise MissedError(
                f"{channel.topic.name}: {behind} messages were missed, more than resume_limit {self._resume_limit}; "
                "read the topic, or subscribe without after_seq"
            )


def _missing(channel: Channel[Any], reached: Mapping[str, int]) -> dict[str, Missing]:
    newest = channel.broadcast.newest
    return {
        channel.key(name): Missing(after, newest[name])
        for name, after in reached.items()
        if newest.get(name, 0) > after
    }


def _count(missing: Mapping[str, Missing]) -> int:
    return sum(one.until - one.after for one in missing.values())


def _news(channel: Channel[MessageT], reached: dict[str, int], messages: Iterable[MessageT]) -> Iterable[MessageT]:
    """The messages without what the subscriber has; moves `reached` on. Names that are not in it pass untouched."""
    for message in messages:
        name = channel.name_of(message)
        if name not in reached:
            yield message
        elif last_seq(message) > reached[name]:
            if first_seq(message) > reached[name] + 1:
                raise BrokenSequenceError(
                    f"{channel.topic.name}: {first_seq(message)} of {name} came after {reached[name]}"
                )
            news: MessageT = _after(message, reached[name])
            reached[name] = last_seq(message)
            yield news


def _after(message: Any, seq: int) -> Any:
    """Of a batch that began earlier, the rest."""
    if not isinstance(message, MarketBatch) or message.first_seq > seq:
        return message
    rest = MarketBatch()
    rest.CopyFrom(message)
    del rest.events[: seq + 1 - message.first_seq]
    rest.first_seq = seq + 1
    return rest
