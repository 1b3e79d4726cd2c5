"""What a REST path of the venue is: method, path, handler, and who may call it. Must not: hold logic."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Any, NamedTuple

from venue.exchange import Exchange
from venue.rest_parameters import Given

Handler = Callable[[Exchange, Given], Any]


class Access(Enum):
    PUBLIC = auto()
    SIGNED = auto()


class Route(NamedTuple):
    method: str
    path: str
    handler: Handler
    access: Access


def public(path: str, handler: Handler) -> Route:
    return Route("GET", path, handler, Access.PUBLIC)


def signed(method: str, path: str, handler: Handler) -> Route:
    return Route(method, path, handler, Access.SIGNED)
