"""The settings of the agents' process, and the validation of what operators send along with an activation.

Money and fractions are decimal strings in the environment and YAML, Decimal here, never float.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from agents.domain.exposure import ExposureLimits
from agents.domain.grid_state import GridParameters
from agents.domain.volatility import VolatilityLimits

Positive = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]


class ParametersError(ValueError):
    """Parameters of an activation that cannot be used; the message names each with its value."""


class GridSettings(BaseModel):
    """What a grid trades with where its activation says nothing else. Notionals in quote currency."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    interval_bps: Annotated[Decimal, Field(gt=0, le=5_000, allow_inf_nan=False)] = Decimal(5)
    min_interval_ticks: Annotated[int, Field(ge=1)] = 1
    levels: Annotated[int, Field(ge=1, le=500)] = 10
    order_notional: Positive = Decimal(100)
    max_position_notional: Positive = Decimal(2000)

    @model_validator(mode="after")
    def _one_order_fits(self) -> GridSettings:
        if self.order_notional > self.max_position_notional:
            raise ValueError(
                f"order_notional {self.order_notional} is more than max_position_notional {self.max_position_notional}"
            )
        return self

    def parameters(self, given: Mapping[str, str]) -> GridParameters:
        """These settings with the given ones instead. Raises ParametersError for unknown names and bad values."""
        try:
            merged = GridSettings.model_validate({**self.model_dump(), **given})
        except ValidationError as error:
            raise ParametersError("; ".join(_told(each, given) for each in error.errors())) from error
        return GridParameters(**merged.model_dump())


class VolatilitySettings(BaseModel):
    """Ranges in basis points of the lowest mid price, times in seconds of event time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    window_s: Annotated[int, Field(ge=1)] = 60
    limit_bps: Positive = Decimal(150)
    release_bps: Positive = Decimal(75)
    calm_s: Annotated[int, Field(ge=0)] = 60

    @model_validator(mode="after")
    def _releases_below(self) -> VolatilitySettings:
        if self.release_bps > self.limit_bps:
            raise ValueError(f"release_bps {self.release_bps} must not be above limit_bps {self.limit_bps}")
        return self

    @property
    def limits(self) -> VolatilityLimits:
        return VolatilityLimits(
            window_ms=self.window_s * 1_000,
            limit_bps=self.limit_bps,
            release_bps=self.release_bps,
            calm_ms=self.calm_s * 1_000,
        )


class ExposureSettings(BaseModel):
    """The limit on all positions of an account together, in quote currency."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit_quote: Positive = Decimal(40_000)
    release_fraction: Annotated[Decimal, Field(gt=0, le=1, allow_inf_nan=False)] = Decimal("0.9")

    @property
    def limits(self) -> ExposureLimits:
        return ExposureLimits(limit_quote=self.limit_quote, release_fraction=self.release_fraction)


class AgentsSettings(BaseModel):
    """One worker. `worker_id` must be the worker's own and stay the same over restarts: with it a restarted worker
    gets its partitions back at once."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    operations_host: str = "127.0.0.1"
    operations_port: Annotated[int, Field(ge=0, le=65_535)] = 0
    data_dir: Path
    worker_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = "agents-1"
    session_timeout_s: Annotated[int, Field(ge=6, le=300)] = 30
    grid: GridSettings = GridSettings()
    volatility: VolatilitySettings = VolatilitySettings()
    exposure: ExposureSettings = ExposureSettings()


def _told(error: Mapping[str, object], given: Mapping[str, str]) -> str:
    location = error["loc"]
    name = str(location[0]) if isinstance(location, tuple) and location else ""
    return f"{name} = {given.get(name)!r}: {error['msg']}" if name else str(error["msg"])
