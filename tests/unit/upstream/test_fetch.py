from __future__ import annotations

import asyncio
import datetime as dt
import ssl
import traceback
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sekisho.canonical.media import Kind, Media
from sekisho.core.errors import CallerError
from sekisho.upstream.client import ReqwestTransport
from sekisho.upstream.fetch import Fetcher, FetchLimits, NotFetched, pinned_transport
from sekisho.upstream.guard import Admitted, Guard, UrlRefused
from sekisho.upstream.http import Transport
from tests.support.media_server import PDF, PNG, Answer, MediaServer, answer, media_server

LIMITS = FetchLimits(file_bytes=1000, seconds=5.0)
TOKEN = "canary-token"


class Addresses:
    """A resolver that gives its answers in turn, the last one for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def __call__(self, host: str, port: int) -> list[str]:
        assert host
        assert port
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@asynccontextmanager
async def served(
    files: Mapping[str, Answer], limits: FetchLimits = LIMITS
) -> AsyncIterator[tuple[MediaServer, Fetcher]]:
    """A web server, and a fetcher whose operator allows the host `files.test`, which is there."""
    async with media_server(files) as server:
        yield server, Fetcher(Guard(["files.test"], Addresses(["127.0.0.1"])), limits)


async def refusal(fetcher: Fetcher, url: str, kind: Kind = "image") -> str:
    with pytest.raises(CallerError) as caught:
        await fetcher.fetch(kind, url)
    shown = "".join(traceback.format_exception(caught.value))
    assert TOKEN not in shown
    assert caught.value.info.status == 400
    return str(caught.value)


async def test_an_image_is_what_its_bytes_are_and_nothing_is_told_about_us() -> None:
    async with served({"/a.png": answer(PNG, content_type="text/html")}) as (server, fetcher):
        media = await fetcher.fetch("image", server.url(f"/a.png?sig={TOKEN}", "files.test"))
    assert media == Media("image/png", PNG)
    [head] = server.heads
    assert head.startswith(f"GET /a.png?sig={TOKEN} HTTP/1.1\r\n")
    headers = {line.partition(": ")[0].lower() for line in head.split("\r\n")[1:] if line}
    assert headers <= {"accept", "accept-encoding", "user-agent", "host", "content-length"}
    assert f"files.test:{server.port}" in head


async def test_a_document_may_be_text_of_the_kind_its_server_says() -> None:
    files = {"/a": answer(PDF), "/b": answer(b"a,b\n1,2\n", content_type="text/csv; charset=utf-8")}
    async with served(files) as (server, fetcher):
        found = [await fetcher.fetch("document", server.url(path, "files.test")) for path in files]
    assert found == [Media("application/pdf", PDF), Media("text/csv", b"a,b\n1,2\n")]


async def test_a_file_without_a_length_is_read_to_its_end() -> None:
    async def chunked(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for byte in PNG:
            writer.write(b"1\r\n%c\r\n" % byte)
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async with served({"/a": chunked}) as (server, fetcher):
        assert (await fetcher.fetch("image", server.url("/a", "files.test"))).data == PNG


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + PNG)
    while not writer.is_closing():
        writer.write(b"x" * 100)
        await writer.drain()
        await asyncio.sleep(0)


async def mute(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n" + PNG)
    await writer.drain()
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (answer(PNG, 404), "status 404"),
        (answer(PNG, 204), "status 204"),
        (answer(PNG, 500), "status 500"),
        (answer(PNG, 206), "status 206"),
        (answer(b"<html>"), "no image"),
        (answer(b""), "no image"),
        (answer(PDF), "no image"),
        (answer(PNG, content_encoding="gzip"), "compressed"),
        (answer(PNG + b"x" * 1000), "larger than 1000"),
        (answer(PNG, content_length="1001"), "larger than 1000"),
        (endless, "larger than 1000"),
        (answer(PNG, content_length="500"), "could not be reached, or broke off"),
        (b"not http at all\r\n\r\n", "could not be reached, or broke off"),
        (b"", "could not be reached, or broke off"),
        (mute, "within 0.3 s"),
    ],
)
async def test_what_cannot_be_used_is_refused_by_its_reason(sent: Answer, why: str) -> None:
    limits = FetchLimits(file_bytes=1000, seconds=0.3) if sent is mute else LIMITS
    async with served({"/a": sent}, limits) as (server, fetcher):
        assert why in await refusal(fetcher, server.url(f"/a?sig={TOKEN}", "files.test"))


async def test_an_image_is_no_document() -> None:
    async with served({"/a": answer(PNG)}) as (server, fetcher):
        assert "no document" in await refusal(fetcher, server.url("/a", "files.test"), "document")


async def test_a_server_that_is_not_there() -> None:
    fetcher = Fetcher(Guard(["files.test"], Addresses(["127.0.0.1"])), LIMITS)
    assert "could not be reached" in await refusal(fetcher, f"http://files.test:1/?sig={TOKEN}")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed_to_another_path_or_host(status: int) -> None:
    files = {"/a": answer(b"", status, location="/b/../c?x=1"), "/c": answer(PNG)}
    async with served(files) as (server, fetcher):
        assert (await fetcher.fetch("image", server.url("/a", "files.test"))).data == PNG
    assert [head.split(" ")[1] for head in server.heads] == ["/a", "/c?x=1"]


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("http://169.254.169.254/latest/meta-data/", "only https"),
        ("https://169.254.169.254/latest/meta-data/", "no public address"),
        ("https://[::ffff:127.0.0.1]/", "no public address"),
        ("//127.0.0.1/x", "only https"),
        ("file:///etc/passwd", "only https"),
        ("https://user:pass@example.com/", "user name"),
        ("https://[", "no URL"),
        ("", "more than 3"),
        ("/a", "more than 3"),
    ],
)
async def test_each_redirect_passes_the_guard_and_they_are_few(location: str, why: str) -> None:
    async with media_server({"/a": answer(b"", 302, location=location)}) as server:
        guard = Guard(["files.test"], Literal("files.test"))
        assert why in await refusal(Fetcher(guard, LIMITS), server.url(f"/a?sig={TOKEN}", "files.test"))
    assert len(server.heads) == (4 if "more" in why else 1)


class Literal(Addresses):
    """One name on loopback, every other host stands for itself."""

    def __init__(self, name: str) -> None:
        super().__init__(["127.0.0.1"])
        self.name = name

    async def __call__(self, host: str, port: int) -> list[str]:
        return await super().__call__(host, port) if host == self.name else [host]


async def test_without_the_operators_word_nothing_on_loopback_is_asked() -> None:
    async with media_server({"/a": answer(PNG)}) as server:
        fetcher = Fetcher(Guard(), LIMITS)
        for host in ("127.0.0.1", "localhost", "127.1", "[::1]"):
            for scheme in ("http", "https"):
                url = server.url("/a", host).replace("http:", scheme + ":")
                with pytest.raises(UrlRefused):
                    await fetcher.fetch("image", url)
        assert server.heads == []


async def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    """The name means loopback once; asked again, it would mean another host. No other resolver knows it at all."""
    async with media_server({"/a": answer(PNG)}) as server:
        guard = Guard(["rebound.invalid"], Addresses(["127.0.0.1"], ["127.0.0.2"]))
        media = await Fetcher(guard, LIMITS).fetch("image", server.url("/a", "rebound.invalid."))
        assert media.data == PNG


async def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with served({"/a": answer(PNG)}) as (server, fetcher):
        assert (await fetcher.fetch("image", server.url("/a", "files.test"))).data == PNG


async def test_the_next_address_is_tried_where_nobody_answers() -> None:
    async with media_server({"/a": answer(PNG)}) as server:
        guard = Guard(["files.test"], Addresses(["127.0.0.2", "127.0.0.1"]))
        assert (await Fetcher(guard, LIMITS).fetch("image", server.url("/a", "files.test"))).data == PNG


async def test_only_so_many_are_fetched_at_once() -> None:
    running, most = 0, 0

    async def slow(writer: asyncio.StreamWriter) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(20):
            await asyncio.sleep(0)
        running -= 1
        writer.write(answer(PNG))
        await writer.drain()

    limits = msgspec.structs.replace(LIMITS, at_once=2)
    async with served({"/a": slow}, limits) as (server, fetcher):
        url = server.url("/a", "files.test")
        assert len(await asyncio.gather(*(fetcher.fetch("image", url) for _ in range(6)))) == 6
    assert most <= 2 < LIMITS.at_once


async def test_every_connection_is_closed() -> None:
    closed: list[str] = []

    class Noted(ReqwestTransport):
        async def close(self) -> None:
            await super().close()
            closed.append("closed")

    def transport(admitted: Admitted, address: str, seconds: float) -> Transport:
        return Noted(1.0, seconds, (admitted.host, address, admitted.port))

    async with media_server({"/a": answer(PNG), "/b": answer(b"", 302, location="/a")}) as server:
        fetcher = Fetcher(Guard(["files.test"], Addresses(["127.0.0.1"])), LIMITS, transport)
        await fetcher.fetch("image", server.url("/b", "files.test"))
        with pytest.raises(NotFetched):
            await fetcher.fetch("image", server.url("/c", "files.test"))
    assert len(closed) == 3
    assert isinstance(pinned_transport(Admitted("https://a/", "a", 443, ()), "127.0.0.1", 1.0), ReqwestTransport)


def tls_context(folder: Path, host: str, asked: list[str | None]) -> ssl.SSLContext:
    """A server's side of TLS for `host`, its certificate in `folder`; `asked` gets the names that clients ask for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - dt.timedelta(days=1))
    builder = builder.not_valid_after(now + dt.timedelta(days=1))
    certificate = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False).sign(
        key, hashes.SHA256()
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "cert.pem").write_bytes(pem)
    (folder / "both.pem").write_bytes(pem + secret)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "both.pem")
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    return context


async def test_tls_is_checked_against_the_name_not_the_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str | None] = []
    tls = tls_context(tmp_path, "files.test", asked)
    async with media_server({"/a": answer(PNG)}, tls) as server:
        fetcher = Fetcher(Guard(["files.test", "other.test"], Addresses(["127.0.0.1"])), LIMITS)
        url = f"https://files.test:{server.port}/a?sig={TOKEN}"
        assert "could not be reached" in await refusal(fetcher, url)  # a stranger's certificate
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        assert (await fetcher.fetch("image", url)).data == PNG
        assert "could not be reached" in await refusal(fetcher, url.replace("files", "other"))
    assert asked == ["files.test", "files.test", "other.test"]
