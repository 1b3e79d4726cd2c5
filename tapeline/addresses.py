"""Where processes of this data folder listen, as far as settings and the folder's files tell. Starts nothing.

Light on purpose: `tapeline kill` needs it before anything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tapeline.embedded.ports import remembered_ports

if TYPE_CHECKING:
    from pydantic import BaseModel

    from tapeline.settings import Settings


def grpc_address(settings: Settings) -> str:
    """Where the connector of this data folder takes calls, as far as can be known from outside its `tapeline up`."""
    host, port = settings.connector.grpc_host, settings.connector.grpc_port
    if not is_chosen(settings, "connector", "grpc_port"):
        port = remembered_ports(settings.home).get("connector_grpc", port)
    return f"{'127.0.0.1' if host in {'0.0.0.0', '::', '[::]'} else host}:{port}"  # noqa: S104 - compared, not bound


def paper_address(settings: Settings) -> str:
    """Where the paper venue of this data folder answers, as far as can be known from outside its `tapeline up`."""
    port = settings.venue.port
    if not is_chosen(settings, "venue", "port"):
        port = remembered_ports(settings.home).get("venue", port)
    return f"{settings.venue.host}:{port}"


def is_chosen(settings: Settings, section: str, field: str) -> bool:
    """Whether the user set this port; 0 means any."""
    model: BaseModel = getattr(settings, section)
    return field in model.model_fields_set and getattr(model, field) != 0
