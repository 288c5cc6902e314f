from __future__ import annotations

import asyncio

import pytest

from sekisho.canonical.media import Kind, Media, parts_by_url
from sekisho.canonical.request import Document, Image, Message, Part, Request, Text, ToolResult
from sekisho.core import bounds
from sekisho.core.errors import BodyTooLarge, MalformedRequest, UnsupportedFeature
from sekisho.exchange.media import AT_ONCE, urls_to_fetch, with_fetched_media


def asking(*parts: Part) -> Request:
    return Request(model="m", messages=(Message("user", (Text("look"), *parts)),))


BOTH = asking(Image(url="https://a/i"), Document(url="https://a/d"), Image(url="https://a/i"))
PNG = Media("image/png", b"png")


class Source:
    """A fetcher that gives the same image for every URL, in several turns of the loop."""

    def __init__(self, media: Media = PNG, failing: str = "") -> None:
        self.media = media
        self.failing = failing
        self.asked: list[tuple[Kind, str]] = []
        self.running = self.most = self.cancelled = 0

    async def __call__(self, kind: Kind, url: str) -> Media:
        self.asked.append((kind, url))
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            for _ in range(5):
                await asyncio.sleep(0)
            if url == self.failing:
                raise MalformedRequest("not there")
            if self.failing:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        return self.media


@pytest.mark.parametrize(
    ("dialect", "fetched"),
    [
        ("anthropic-messages", []),
        ("openai-responses", []),
        ("openai-chat", [("document", "https://a/d")]),
        ("bedrock-converse", [("image", "https://a/i"), ("document", "https://a/d")]),
        ("gemini-generate", [("image", "https://a/i"), ("document", "https://a/d")]),
        ("some-carrier-of-messages", [("image", "https://a/i"), ("document", "https://a/d")]),
    ],
)
async def test_what_the_target_takes_is_left_to_it(dialect: str, fetched: list[tuple[Kind, str]]) -> None:
    source = Source()
    filled = await with_fetched_media(BOTH, dialect, source)
    assert source.asked == fetched
    left = {(("image" if isinstance(part, Image) else "document"), part.url) for part in parts_by_url(filled)}
    assert left == {("image", "https://a/i"), ("document", "https://a/d")} - set(fetched)
    if not fetched:
        assert filled is BOTH


@pytest.mark.parametrize(
    ("url", "fetched"),
    [
        ("https://a/i", True),
        ("HTTP://a/i", True),
        ("https://generativelanguage.googleapis.com.evil.test/v1beta/files/x", True),
        ("https://[", True),
        ("gs://bucket/i.png", False),
        ("s3://bucket/i.png", False),
        ("data:image/png;base64,AAAA", False),
        ("file:///etc/passwd", False),
        ("https://generativelanguage.googleapis.com/v1beta/files/x", False),
        ("https://www.youtube.com/watch?v=x", False),
    ],
)
def test_only_addresses_of_the_web_are_fetched_and_google_reads_its_own(url: str, fetched: bool) -> None:  # noqa: FBT001
    assert bool(urls_to_fetch(asking(Image(url=url)), "gemini-generate")) is fetched


def test_images_of_tool_results_are_fetched_too() -> None:
    request = asking(ToolResult(call_id="1", parts=(Image(url="https://a/i"),)))
    assert urls_to_fetch(request, "bedrock-converse") == [("image", "https://a/i")]


async def test_switched_off_it_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedFeature, match=r"'image\.url' .* as base64") as caught:
        await with_fetched_media(BOTH, "bedrock-converse", None)
    assert caught.value.info.param == "image.url"
    assert await with_fetched_media(BOTH, "anthropic-messages", None) is BOTH


async def test_few_are_fetched_at_once_and_not_too_many_at_all() -> None:
    source = Source()
    images = [Image(url=f"https://a/{number}") for number in range(bounds.MEDIA_URLS)]
    await with_fetched_media(asking(*images), "bedrock-converse", source)
    assert (len(source.asked), source.most) == (bounds.MEDIA_URLS, AT_ONCE)
    with pytest.raises(MalformedRequest, match="More than 20"):
        await with_fetched_media(asking(*images, Image(url="https://b")), "bedrock-converse", source)
    assert len(source.asked) == bounds.MEDIA_URLS


async def test_together_they_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MEDIA_BYTES", 7)
    images = [Image(url=f"https://a/{number}") for number in range(10)]
    source = Source()
    with pytest.raises(BodyTooLarge, match="over 7 bytes"):
        await with_fetched_media(asking(*images), "bedrock-converse", source)
    assert len(source.asked) < 10
    assert source.running == 0


async def test_one_that_fails_ends_the_others() -> None:
    source = Source(failing="https://a/1")
    images = [Image(url=f"https://a/{number}") for number in range(4)]
    with pytest.raises(MalformedRequest, match="not there"):
        await with_fetched_media(asking(*images), "bedrock-converse", source)
    assert (source.running, source.cancelled) == (0, 3)


async def test_a_caller_who_hangs_up_ends_them_all() -> None:
    source = Source(failing="none of them")
    images = [Image(url=f"https://a/{number}") for number in range(4)]
    task = asyncio.ensure_future(with_fetched_media(asking(*images), "bedrock-converse", source))
    for _ in range(20):
        await asyncio.sleep(0)
    assert source.running == 4
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (source.running, source.cancelled) == (0, 4)
