"""Images and documents by URL, for targets that take none: fetched here, before the request is written.

Flows in: a request in canonical words and the name of the dialect it goes out in. Flows out: the same request, its URLs
replaced where the target needs the data itself. Must stay true: what a target can fetch by itself is left to it; each
URL is fetched once, few at a time, bounded together; one that fails ends the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

from sekisho.canonical.media import Kind, Media, kind_of, parts_by_url, with_media
from sekisho.canonical.request import Request
from sekisho.core import bounds
from sekisho.core.errors import BodyTooLarge, MalformedRequest, UnsupportedFeature

#: (kind, URL) -> what it holds. Raises CallerError.
Fetch = Callable[[Kind, str], Awaitable[Media]]

#: What each dialect's own provider fetches by itself. A dialect that is not here, and the carriers of another's body
#: (Claude on Bedrock or Vertex), take nothing by URL.
TAKEN: Mapping[str, frozenset[Kind]] = {
    "anthropic-messages": frozenset({"image", "document"}),
    "openai-chat": frozenset({"image"}),
    "openai-responses": frozenset({"image", "document"}),
}
#: Gemini's own stores, by which its callers name what they have uploaded; YouTube it watches itself.
_GOOGLE_HOSTS = frozenset({"generativelanguage.googleapis.com", "www.youtube.com", "youtube.com", "youtu.be"})
#: Fetched at once for one request.
AT_ONCE = 4


def urls_to_fetch(request: Request, dialect: str) -> list[tuple[Kind, str]]:
    """What has to be fetched so that `dialect` can say `request`, each once, in order.

    Only web addresses: what is no https or http URL (s3:, gs:, data:) is the codec's to say or to refuse.
    """
    taken = TAKEN.get(dialect, frozenset())
    wanted = ((kind_of(part), part.url) for part in parts_by_url(request))
    return [
        (kind, url)
        for kind, url in dict.fromkeys(wanted)
        if url is not None and kind not in taken and _is_web(url) and not _is_googles(dialect, url)
    ]


async def with_fetched_media(request: Request, dialect: str, fetch: Fetch | None) -> Request:
    """`request` without the URLs that `dialect` cannot say; itself when there are none.

    Raises UnsupportedFeature where `fetch` is None (the operator has switched it off), MalformedRequest for too many,
    BodyTooLarge for too much, and what `fetch` raises.
    """
    wanted = urls_to_fetch(request, dialect)
    if not wanted:
        return request
    if fetch is None:
        raise UnsupportedFeature(f"{wanted[0][0]}.url", dialect, "Send the data itself, as base64.")
    if len(wanted) > bounds.MEDIA_URLS:
        raise MalformedRequest(f"More than {bounds.MEDIA_URLS} images and documents are named by URL.")
    return with_media(request, await _fetched(wanted, fetch))


async def _fetched(wanted: list[tuple[Kind, str]], fetch: Fetch) -> dict[tuple[Kind, str], Media]:
    media: dict[tuple[Kind, str], Media] = {}
    waiting = iter(wanted)

    async def work() -> None:
        for kind, url in waiting:
            media[kind, url] = await fetch(kind, url)
            if sum(len(one.data) for one in media.values()) > bounds.MEDIA_BYTES:
                raise BodyTooLarge(f"The images and documents named by URL hold over {bounds.MEDIA_BYTES} bytes.")

    workers = [asyncio.ensure_future(work()) for _ in range(min(AT_ONCE, len(wanted)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return media


def _is_web(url: str) -> bool:
    return url[:8].lower().startswith(("https://", "http://"))


def _is_googles(dialect: str, url: str) -> bool:
    if dialect != "gemini-generate":
        return False
    try:
        return urlsplit(url).hostname in _GOOGLE_HOSTS
    except ValueError:
        return False
