"""What a REST path of the venue is: method, path, handler, and who may call it. Must not: hold logic."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Any, NamedTuple

from venue.exchange import Exchange
from venue.instruments import Product
from venue.rest_parameters import Given

Handler = Callable[[Exchange, Given], Any]


def product_of(path: str) -> Product:
    """The product a path is about; requests about the key or several wallets count as spot."""
    if path.startswith("/sapi/v1/margin/"):
        return Product.MARGIN
    return Product.SPOT if path.startswith(("/api/", "/sapi/")) else Product.PERPETUAL


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
