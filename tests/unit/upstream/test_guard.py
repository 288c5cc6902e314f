from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.upstream.guard import URL_CHARS, Admitted, Guard, UrlRefused, is_own, is_public

PUBLIC = ("93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c")

#: Every way to write the machine itself, a neighbour or a metadata service, by family and by encoding.
NOT_PUBLIC = (
    *("0.0.0.0", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255", "127.0.0.1"),
    *("127.255.255.255", "168.63.129.16", "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255"),
    *("192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255"),
    *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1"),
    *("64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:2::1", "2001:10::1", "2001:20::1"),
    *("2001:db8::1", "2002:7f00:1::", "2002:808:808::", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254"),
    *("fd20:ce::254", "fe80::1", "fec0::1", "ff02::1", "ff0e::1", "4000::1"),
)

WRITTEN_OTHERWISE = (
    *("127.1", "127.0.1", "0x7f.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "017700000001", "0177.0.0.1"),
    *("127.0.0.1.", "%31%32%37.0.0.1", "１２７.0.0.1", "127。0。0。1", "0", "0x0", "[::ffff:127.0.0.1]"),
    *("[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::1]", "[0000::0001]", "[64:ff9b::127.0.0.1]"),
    *("0xa9fea9fe", "2852039166", "0251.0376.0251.0376", "[::ffff:a9fe:a9fe]", "169.254.43518", "[fe80::a9fe:a9fe]"),
)


class Names:
    """A resolver: names it was told, and what stands for itself."""

    def __init__(self, **addresses: Sequence[str]) -> None:
        self.addresses = {name.replace("_", "."): list(found) for name, found in addresses.items()}
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        host = host.rstrip(".")
        if host in self.addresses:
            return self.addresses[host]
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            raise socket.gaierror(socket.EAI_NONAME, "no such host") from None


async def refusal(guard: Guard, url: str) -> str:
    with pytest.raises(UrlRefused) as caught:
        await guard.admit(url)
    assert caught.value.info.status == 400
    return str(caught.value)


@pytest.mark.parametrize("text", NOT_PUBLIC)
async def test_an_address_that_is_not_public_is_refused(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))
    host = f"[{text}]" if ":" in text else text
    said = await refusal(Guard(resolve=Names()), f"https://{host}/x")
    assert "no public address" in said
    assert text not in said
    assert "no public address" in await refusal(Guard(resolve=Names(a_test=[PUBLIC[0], text])), "https://a.test/")


@pytest.mark.parametrize("host", WRITTEN_OTHERWISE)
async def test_no_other_writing_of_an_address_gets_past(host: str) -> None:
    assert "no public address" in await refusal(Guard(resolve=Names()), f"https://{host}/latest/meta-data/")


@given(st.ip_addresses(v=4))
def test_ipv4_is_judged_as_the_registry_says(address: ipaddress.IPv4Address) -> None:
    if not address.is_global or address.is_multicast:
        assert not is_public(address)
    mapped = ipaddress.IPv6Address(f"::ffff:{address}")
    translated = ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) + int(address))
    carried = ipaddress.IPv6Address((0x2002 << 112) + (int(address) << 80))
    assert not any(map(is_public, (mapped, translated, carried)))


@given(st.ip_addresses(v=6))
def test_ipv6_is_judged_as_the_registry_says(address: ipaddress.IPv6Address) -> None:
    if not address.is_global or address.is_multicast or address not in ipaddress.ip_network("2000::/3"):
        assert not is_public(address)
    assert is_own(address) or not is_public(address)


@given(st.integers(0, 2**32 - 1), st.sampled_from(["decimal", "hex", "octal", "parts", "two"]))
async def test_every_writing_of_an_ipv4_address_means_that_address(number: int, writing: str) -> None:
    text = {
        "decimal": str(number),
        "hex": hex(number),
        "octal": f"0{number:o}",
        "parts": ".".join(hex(number >> shift & 255) for shift in (24, 16, 8, 0)),
        "two": f"{number >> 24}.{number & 0xFFFFFF}",
    }[writing]
    names, address = Names(), ipaddress.IPv4Address(number)
    try:
        admitted = await Guard(resolve=names).admit(f"https://{text}/")
    except UrlRefused:
        assert not is_public(address)
    else:
        assert is_public(address)
        assert admitted.addresses == (str(address),)
    assert names.asked == [(str(address), 443)]


@given(st.text(max_size=60), st.sampled_from(["", "https://", "http://", "//", "https:"]))
async def test_no_text_gets_a_connection_to_what_is_not_public(text: str, start: str) -> None:
    guard = Guard(resolve=Names(a_test=[PUBLIC[0]], localhost=["127.0.0.1"]))
    try:
        admitted = await guard.admit(start + text)
    except UrlRefused as error:
        assert len(text) < 8 or text not in str(error)  # noqa: PT017 - both ends are right
    else:
        assert all(is_public(ipaddress.ip_address(address)) for address in admitted.addresses)
        assert admitted.url.startswith("https://")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://a.test/", "only https"),
        ("ftp://a.test/", "only https"),
        ("file:///etc/passwd", "only https"),
        ("gopher://a.test:70/_x", "only https"),
        ("https://user@a.test/", "user name"),
        ("https://:secret@a.test/", "user name"),
        ("https://a.test:99999/", "no URL"),
        ("not a url", "no URL"),
        ("", "no URL"),
        ("https://\ud800/", "no URL"),
        ("https://a.test/" + "x" * URL_CHARS, "longer"),
        ("https://nowhere.test/", "no public address"),
        ("https://localhost/", "no public address"),
        ("https://empty.test/", "no public address"),
        ("https://" + "a" * 64 + ".test/", "no public address"),
    ],
)
async def test_each_refusal_says_why_and_not_where(url: str, why: str) -> None:
    guard = Guard(resolve=Names(a_test=[PUBLIC[0]], localhost=["127.0.0.1", "::1"], empty_test=[]))
    said = await refusal(guard, url)
    assert why in said
    for hidden in ("secret", "passwd", "nowhere", "127.0.0.1"):
        assert hidden not in said


async def test_a_name_is_resolved_once_and_all_its_addresses_are_kept() -> None:
    names = Names(a_test=PUBLIC)
    admitted = await Guard(resolve=names).admit("HTTPS://A.test:8443/p?q=1#frag")
    assert admitted == Admitted("https://a.test:8443/p?q=1#frag", "a.test", 8443, PUBLIC)
    assert names.asked == [("a.test", 8443)]


async def test_the_operators_own_hosts_may_be_private_and_speak_http() -> None:
    names = Names(files_corp=["10.1.2.3"], other_corp=["10.1.2.3"], evil_corp=["169.254.169.254"])
    guard = Guard(["Files.corp", "evil.corp", "127.0.0.1"], names)
    assert (await guard.admit("http://files.corp/x")).addresses == ("10.1.2.3",)
    assert (await guard.admit("https://FILES.corp./x")).port == 443
    assert (await guard.admit("http://127.1:8080/x")).port == 8080
    assert "only https" in await refusal(guard, "http://other.corp/")
    assert "no public address" in await refusal(guard, "https://other.corp/")
    assert "no public address" in await refusal(guard, "https://evil.corp/")
    assert "only https" in await refusal(guard, "http://x.files.corp/")
    assert "only https" in await refusal(guard, "ftp://files.corp/")


@pytest.mark.parametrize(
    "text", ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "fe80::1", "0.0.0.0"]
)
def test_no_operator_can_name_a_metadata_service_by_accident(text: str) -> None:
    assert not is_own(ipaddress.ip_address(text))


async def test_the_machines_resolver_is_asked() -> None:
    assert "no public address" in await refusal(Guard(), "https://localhost/")
    admitted = await Guard(["localhost"]).admit("http://localhost:1/")
    assert set(admitted.addresses) <= {"127.0.0.1", "::1"}
    assert "no public address" in await refusal(Guard(), "https://" + "a" * 64 + ".test/")
