"""Settings of the process that follows a live venue for the paper venue. It never has a key."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from connector.public import secrets_of
from connector.settings import VenueConnection


class FeedSettings(BaseModel):
    """`connection` has no key: the process could not place an order if it wanted to. Port 0 takes a free one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    connection: VenueConnection
    port: int = Field(default=0, ge=0, le=65_535)
    operations_host: str = "127.0.0.1"
    operations_port: int = Field(default=0, ge=0, le=65_535)

    @model_validator(mode="after")
    def _has_no_key(self) -> Self:
        if told := secrets_of(self.connection):
            raise ValueError(f"live market data needs no key: leave {', '.join(told)} out")
        return self
