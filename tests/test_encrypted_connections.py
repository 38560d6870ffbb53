"""Connections over TLS: encrypted, kept, and none to a host that cannot prove who it is."""

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from llms.connections import connections

pytestmark = pytest.mark.usefixtures("no_proxies")

_LARGE = b"x" * 3_000_000


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1, signed by itself, and its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path_factory.mktemp("tls") / "host.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return pem


def _connected(certificate: Path, use: Callable[[httpx2.AsyncClient, int], Awaitable[None]]) -> int:
    """Let `use` talk to an encrypted host at a port; returns how many connections were made."""
    made = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal made
        made += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                size = next(
                    int(line.split(b":")[1])
                    for line in [*head.lower().split(b"\r\n"), b"content-length: 0"]
                    if line.startswith(b"content-length")
                )
                body = await reader.readexactly(size)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def run() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        async with httpx2.AsyncClient(transport=connections(4, 30.0), timeout=10) as client:
            await use(client, port)
        server.close()
        await server.wait_closed()

    asyncio.run(run())
    return made


def test_requests_go_encrypted_over_one_connection_both_ways_whole(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def use(client: httpx2.AsyncClient, port: int) -> None:
        for body in (b"", b"hello", _LARGE):
            response = await client.post(f"https://127.0.0.1:{port}/", content=body)
            assert response.content == body

    assert _connected(certificate, use) == 1


def test_a_host_whose_certificate_nobody_vouches_for_is_not_talked_to(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)

    async def use(client: httpx2.AsyncClient, port: int) -> None:
        with pytest.raises(httpx2.ConnectError, match="certificate"):
            await client.post(f"https://127.0.0.1:{port}/", content=b"secret")

    _connected(certificate, use)


def test_nor_one_that_has_the_certificate_of_another(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def use(client: httpx2.AsyncClient, port: int) -> None:
        with pytest.raises(httpx2.ConnectError, match="certificate"):
            await client.post(f"https://localhost:{port}/", content=b"secret")

    _connected(certificate, use)
