"""Which requests and messages a script touches, and how often: pure."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from venue.misbehaviour import AT_ONCE, MessageRule, Misbehaviour, Operation, RequestRule, Script
from venue.settings import VenueSettings
from venue.shifted_ids import lowered, raised

FILL = {"e": "ORDER_TRADE_UPDATE", "o": {"s": "ETHUSDT", "c": "tl1", "x": "TRADE", "i": 5, "t": 3}}


def test_a_rule_touches_as_many_requests_as_it_says_after_those_it_leaves_alone() -> None:
    """ORD-8: `skip` and `times` count requests that match, no others."""
    rule = RequestRule(on=Operation.PLACE, skip=1, times=2, answered=False)
    misbehaviour = Misbehaviour(Script(requests=(rule,)))
    assert misbehaviour.request(Operation.CANCEL, ["tl1"]) is None
    touched = [misbehaviour.request(Operation.PLACE, ["tl1"]) for _ in range(5)]
    assert touched == [None, rule, rule, None, None]


def test_a_rule_used_up_gives_way_to_the_next_one() -> None:
    """ORD-8: two rules for one operation act one after the other."""
    once = RequestRule(on=Operation.FIND, answered=False)
    always = RequestRule(on=Operation.ANY, executed=False, times=None)
    misbehaviour = Misbehaviour(Script(requests=(once, always)))
    assert [misbehaviour.request(Operation.FIND, []) for _ in range(3)] == [once, always, always]
    assert misbehaviour.request(None, []) == always


def test_a_rule_for_one_order_leaves_others_alone() -> None:
    """ORD-8: by client id, also within a batch."""
    rule = RequestRule(on=Operation.PLACE_BATCH, client_order_id="tl2")
    misbehaviour = Misbehaviour(Script(requests=(rule,)))
    assert misbehaviour.request(Operation.PLACE_BATCH, ["tl1", "tl3"]) is None
    assert misbehaviour.request(Operation.PLACE_BATCH, ["tl1", "tl2"]) is rule


def test_messages_are_lost_repeated_and_delayed_by_kind() -> None:
    """ORD-4: the seconds after which each copy is sent; a message no rule means is sent at once."""
    rules = (
        MessageRule(execution="TRADE", sent_after_s=()),
        MessageRule(event="ORDER_TRADE_UPDATE", sent_after_s=(0.0, 0.5)),
    )
    misbehaviour = Misbehaviour(Script(messages=rules))
    assert misbehaviour.message({"e": "ACCOUNT_UPDATE", "a": {}}) == AT_ONCE
    assert [misbehaviour.message(FILL) for _ in range(3)] == [(), (0.0, 0.5), AT_ONCE]


def test_a_rule_without_anything_to_touch_is_named() -> None:
    """ORD-8: a script that did not happen shows nothing, so it must be noticed."""
    used, unused = RequestRule(on=Operation.PLACE), MessageRule(execution="EXPIRED")
    misbehaviour = Misbehaviour(Script(requests=(used,), messages=(unused,)))
    misbehaviour.request(Operation.PLACE, [])
    assert misbehaviour.untouched() == [repr(unused)]
    misbehaviour.load(Script())
    assert misbehaviour.untouched() == []


def test_shifted_ids_are_shown_lower_and_understood_again() -> None:
    """ORD-4: only of the symbol meant, in answers, lists, messages and requests; client ids stay."""
    shift = {"ETHUSDT": 2}
    order = {"symbol": "ETHUSDT", "orderId": 5, "clientOrderId": "tl1"}
    assert lowered([order, {"symbol": "BTCUSDT", "orderId": 5}], shift) == [
        {**order, "orderId": 3},
        {"symbol": "BTCUSDT", "orderId": 5},
    ]
    shown = lowered(FILL, shift)["o"]
    assert (shown["i"], shown["t"], shown["c"]) == (3, 1, "tl1")
    assert raised({"symbol": "ETHUSDT", "orderId": "3"}, shift) == {"symbol": "ETHUSDT", "orderId": "5"}
    assert lowered(FILL, {}) is FILL


def test_a_venue_that_misbehaves_listens_on_loopback_only(tmp_path: Path) -> None:
    """GRPC-4: nobody else can tell it to."""
    settings = {"data_dir": tmp_path, "api_key": SecretStr("k"), "api_secret": SecretStr("s"), "misbehaves": True}
    assert VenueSettings.model_validate(settings).misbehaves
    with pytest.raises(ValidationError, match="loopback only"):
        VenueSettings.model_validate({**settings, "host": "0.0.0.0"})
