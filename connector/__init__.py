"""The only process with venue keys and venue connections (GRPC-1): publishes what happens, does what intents ask.

Other programs talk to it with `from connector import ConnectorClient`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from connector.client import ConnectorClient, ConnectorUnreachableError, TlsFiles

__all__ = ("ConnectorClient", "ConnectorUnreachableError", "TlsFiles")


def __getattr__(name: str) -> Any:
    """Loaded when asked for: whoever needs the settings only does not load gRPC."""
    if name in __all__:
        from connector import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
