"""TLS and the token of the gRPC service, both optional (GRPC-3): files read and checked, callers told apart.

Must not log or tell the token or a key. Health answers without a token: whoever asks whether we live is a load balancer
or an orchestrator, and learns nothing else. Reflection and every call of ours need it.
"""

import hmac
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc

from connector.errors import ConnectorError
from connector.settings import GrpcTls

AUTHORIZATION = "authorization"
OPEN_TO_ALL = ("/grpc.health.v1.Health/",)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files of a client. `ca`: whom to trust, None: the system's authorities. `certificate` and `key` where the
    server asks for them."""

    certificate: Path | None = None
    key: Path | None = None
    ca: Path | None = None


class UnauthenticatedError(ConnectorError):
    """The caller has not shown the connector's token."""


def server_credentials(tls: GrpcTls) -> grpc.ServerCredentials | None:
    """None without TLS. Raises ConnectorError naming the file and the fault."""
    certificate, key, ca = _contents(TlsFiles(tls.certificate_file, tls.key_file, tls.client_ca_file))
    if certificate is None or key is None:
        return None
    return grpc.ssl_server_credentials([(key, certificate)], ca, ca is not None)


def own_client_files(tls: GrpcTls) -> TlsFiles | None:
    """What a command of ours, which has the service's settings, calls it with."""
    if tls.certificate_file is None:
        return None
    trusted = tls.ca_file or tls.certificate_file
    return TlsFiles(tls.certificate_file, tls.key_file, trusted) if tls.client_ca_file else TlsFiles(ca=trusted)


def channel_credentials(files: TlsFiles) -> grpc.ChannelCredentials:
    """Raises ConnectorError naming the file and the fault."""
    certificate, key, ca = _contents(files)
    return grpc.ssl_channel_credentials(ca, key, certificate)


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """Metadata that shows the token; none without one."""
    return ((AUTHORIZATION, f"Bearer {token}"),) if token else ()


class TokenCheck:
    """Without a token everybody may call."""

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode() if token else b""

    def allows(self, method: str, metadata: Sequence[tuple[str, str | bytes]]) -> bool:
        """In a time that tells nothing of the token."""
        if not self._expected or method.startswith(OPEN_TO_ALL):
            return True
        shown = next((value for name, value in metadata if name == AUTHORIZATION), "")
        return hmac.compare_digest(shown.encode() if isinstance(shown, str) else shown, self._expected)


def _contents(files: TlsFiles) -> tuple[bytes | None, bytes | None, bytes | None]:
    """Certificate, key and authorities, checked to be what they should: gRPC itself says nothing useful of bad ones."""
    contents = (
        _read(files.certificate, "certificate"),
        _read(files.key, "key"),
        _read(files.ca, "certificate of the authority"),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if files.certificate is not None and files.key is not None:
        try:
            context.load_cert_chain(files.certificate, files.key, password=_no_password)
        except (ssl.SSLError, ValueError) as error:
            raise ConnectorError(
                f"TLS: {files.certificate} and {files.key} are no certificate and its unencrypted key in PEM: {error}"
            ) from error
    if files.ca is not None:
        try:
            context.load_verify_locations(files.ca)
        except ssl.SSLError as error:
            raise ConnectorError(f"TLS: {files.ca} holds no certificate of an authority in PEM: {error}") from error
    return contents


def _read(file: Path | None, what: str) -> bytes | None:
    if file is None:
        return None
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConnectorError(
            f"TLS: the {what} {file} cannot be read: {error.strerror}; correct its path or permissions"
        ) from error


def _no_password() -> str:
    raise ValueError("the key is encrypted")
