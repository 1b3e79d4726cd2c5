"""Who gets into the gRPC service, and how it shows itself: TLS, token, health, reflection (GRPC-3)."""

import asyncio
import datetime as dt
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from pydantic import ValidationError

from connector import ConnectorClient, ConnectorUnreachableError, TlsFiles
from connector.errors import ConnectorError
from connector.server import SERVICE_NAME
from connector.settings import ConnectorSettings, GrpcTls
from connector.transport_security import own_client_files, server_credentials
from connector.v1 import connector_pb2
from tests.integration.connector.light_service import SYMBOL, listening, parts_of

DESCRIPTOR = connector_pb2.DESCRIPTOR.services_by_name["ConnectorService"]
TOKEN = "a-token-of-this-test-long-enough-to-be-one"


@dataclass(frozen=True)
class Signed:
    certificate: Path
    key: Path


class Authority:
    """Signs certificates for loopback."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.certificate = self._write(name, self._sign(self._name, self._key.public_key(), ca=True))

    def sign(self, name: str) -> Signed:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        key_file = self._folder / f"{name}.key"
        key_file.write_bytes(pem)
        return Signed(self._write(name, self._sign(subject, key.public_key(), ca=False)), key_file)

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, ca: bool) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(minutes=5))
            .not_valid_after(now + dt.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def _write(self, name: str, certificate: x509.Certificate) -> Path:
        file = self._folder / f"{name}.pem"
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return file


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


async def test_a_call_needs_the_token_and_health_does_not() -> None:
    """GRPC-3: the token opens calls, streams and reflection; none or another does not. Health is for all."""
    async with listening(parts_of(), token=TOKEN) as address:
        async with ConnectorClient(address, token=TOKEN) as client:
            assert (await client.instrument(SYMBOL)).symbol == SYMBOL
        for wrong in ("", TOKEN[:-1], f"{TOKEN}x", "w" * len(TOKEN)):
            async with ConnectorClient(address, token=wrong) as client:
                for refused in (client.instrument(SYMBOL), anext(client.prices(SYMBOL))):
                    with pytest.raises(grpc.aio.AioRpcError, match="authorization: Bearer") as said:
                        await refused
                    assert said.value.code() is grpc.StatusCode.UNAUTHENTICATED
                    assert TOKEN not in str(said.value)
        async with grpc.aio.insecure_channel(address) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            for service in ("", SERVICE_NAME):
                answer = await health.Check(health_pb2.HealthCheckRequest(service=service))
                assert answer.status == health_pb2.HealthCheckResponse.SERVING
            asking = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(
                iter([reflection_pb2.ServerReflectionRequest(list_services="")])
            )
            with pytest.raises(grpc.aio.AioRpcError) as closed:
                await anext(aiter(asking))
            assert closed.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_client_that_knows_nothing_of_us_calls_by_reflection() -> None:
    """GRPC-3: as grpcurl does: the schema comes from the server."""

    def call(address: str) -> str:
        with grpc.insecure_channel(address) as channel:
            pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
            service = pool.FindServiceByName(SERVICE_NAME)
            assert [it.name for it in service.methods] == [it.name for it in DESCRIPTOR.methods]
            method = service.FindMethodByName("GetSymbolInfo")
            ask = channel.unary_unary(
                f"/{SERVICE_NAME}/{method.name}",
                request_serializer=GetMessageClass(method.input_type).SerializeToString,
                response_deserializer=GetMessageClass(method.output_type).FromString,
            )
            return str(ask(GetMessageClass(method.input_type)(symbol=SYMBOL), timeout=10).instrument.symbol)

    async with listening(parts_of()) as address:
        assert await asyncio.to_thread(call, address) == SYMBOL


async def test_with_tls_only_those_get_in_that_trust_it_and_are_trusted(tmp_path: Path, authority: Authority) -> None:
    """GRPC-3: without TLS, with another authority, without a certificate where one is asked for, nobody does."""
    server, client_of_ours = authority.sign("server"), authority.sign("client")
    stranger = Authority(tmp_path, "stranger").sign("unknown")
    tls = GrpcTls(certificate_file=server.certificate, key_file=server.key)
    both = tls.model_copy(update={"client_ca_file": authority.certificate, "ca_file": authority.certificate})
    trusting = TlsFiles(ca=authority.certificate)
    shown = TlsFiles(client_of_ours.certificate, client_of_ours.key, authority.certificate)
    unknown = TlsFiles(stranger.certificate, stranger.key, authority.certificate)
    for asked, good, bad in (
        (tls, (trusting, shown), (None, TlsFiles(ca=tmp_path / "stranger.pem"))),
        (both, (shown, own_client_files(both)), (None, trusting, unknown)),
    ):
        async with listening(parts_of(), credentials=server_credentials(asked)) as address:
            for files in good:
                async with ConnectorClient(address, tls=files) as client:
                    assert (await client.instrument(SYMBOL)).symbol == SYMBOL
            for files in bad:
                client = ConnectorClient(address, tls=files, attempts=1, connect_timeout_s=1)
                with pytest.raises((ConnectorUnreachableError, grpc.aio.AioRpcError)):
                    async with client:
                        await client.instrument(SYMBOL)


def test_wrong_files_are_named(tmp_path: Path, authority: Authority) -> None:
    """GRPC-3: before anything is sent to a venue: what is wrong with which file."""
    server, other = authority.sign("server"), authority.sign("other")
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("no certificate")
    for tls, words in (
        (
            GrpcTls(certificate_file=tmp_path / "none.pem", key_file=server.key),
            r"none\.pem cannot be read: No such file",
        ),
        (GrpcTls(certificate_file=tmp_path, key_file=server.key), "cannot be read: Is a directory"),
        (GrpcTls(certificate_file=server.certificate, key_file=other.key), r"other\.key are no certificate and its"),
        (GrpcTls(certificate_file=garbage, key_file=server.key), r"garbage\.pem and .* are no certificate"),
        (
            GrpcTls(certificate_file=server.certificate, key_file=server.key, client_ca_file=garbage),
            r"garbage\.pem holds no certificate of an authority",
        ),
    ):
        with pytest.raises(ConnectorError, match=words):
            server_credentials(tls)
    assert server_credentials(GrpcTls()) is None


def test_settings_of_the_door_that_make_no_sense_are_refused() -> None:
    """GRPC-3: a token too short, half a certificate."""
    for wrong, words in (
        ({"grpc_token": "too-short"}, "at least 32 characters"),
        ({"grpc_token": "with blanks in it but long enough otherwise"}, "no blanks"),
        ({"grpc_tls": {"certificate_file": "a.pem"}}, "certificate_file and key_file go together"),
        ({"grpc_tls": {"client_ca_file": "a.pem"}}, "mean nothing without"),
    ):
        with pytest.raises(ValidationError, match=words):
            ConnectorSettings.model_validate(wrong)
    assert TOKEN not in repr(ConnectorSettings.model_validate({"grpc_token": TOKEN}))
