"""Sources of a text: `groundingMetadata` and `citationMetadata`, both ways.

Flows in: a candidate's metadata and the text that it is about, or canonical citations. Flows out: the other one. Must
stay true: Google's offsets count bytes of UTF-8, canonical ones characters; an offset that fits no text is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sekisho.canonical.events import Citation
from sekisho.wire.gemini_generate.reply_schema import CandidateOut, Count, GroundingChunk, Segment, Web

Json = dict[str, Any]


def read_citations(candidate: CandidateOut, text: str) -> Iterator[Citation]:
    """The sources of `text`, a candidate's whole answer."""
    grounding = candidate.grounding_metadata
    if grounding is not None:
        chunks = grounding.grounding_chunks or []
        for support in grounding.grounding_supports or ():
            for at in support.grounding_chunk_indices or ():
                if 0 <= at < len(chunks):
                    yield _supported(_source(chunks[at]), support.segment or Segment(), text)
    metadata = candidate.citation_metadata
    if metadata is not None:
        for cited in metadata.citations or metadata.citation_sources or ():
            start, end = _characters(cited.start_index, cited.end_index, text)
            yield Citation(url=cited.uri, title=cited.title, start=start, end=end)


def _source(chunk: GroundingChunk) -> Web:
    return chunk.web or chunk.retrieved_context or chunk.maps or Web()


def _supported(source: Web, segment: Segment, text: str) -> Citation:
    start, end = _characters(segment.start_index, segment.end_index, text)
    if segment.text and (start is None or text[start:end] != segment.text):  # its offsets are those of another part
        found = text.find(segment.text)
        start, end = (found, found + len(segment.text)) if found >= 0 else (None, None)
    return Citation(url=source.uri, title=source.title, cited_text=segment.text, start=start, end=end)


def _characters(start: Count, end: Count, text: str) -> tuple[int, int] | tuple[None, None]:
    """Byte offsets -> character offsets. Google leaves a start of 0 out."""
    if end is None:
        return None, None
    data, begin, stop = text.encode(), int(start or 0), int(end)
    if not 0 <= begin <= stop <= len(data):
        return None, None
    return len(data[:begin].decode("utf-8", "ignore")), len(data[:stop].decode("utf-8", "ignore"))


def write_citations(cited: Sequence[tuple[Citation, str]]) -> Json:
    """The keys of a candidate for (source, text of its block) pairs: pages as grounding, other sources as citations."""
    chunks: list[Json] = []
    supports: list[Json] = []
    others: list[Json] = []
    for citation, text in cited:
        segment = _bytes(citation, text)
        if citation.url is None:
            others.append({**segment, **({"title": citation.title} if citation.title else {})})
            continue
        if citation.cited_text:
            segment["text"] = citation.cited_text
        supports.append({"segment": segment, "groundingChunkIndices": [len(chunks)]})
        chunks.append({"web": {"uri": citation.url, "title": citation.title or citation.url}})
    value: Json = {}
    if chunks:
        value["groundingMetadata"] = {"groundingChunks": chunks, "groundingSupports": supports}
    if others:
        value["citationMetadata"] = {"citations": others}
    return value


def _bytes(citation: Citation, text: str) -> Json:
    end = len(text) if citation.end is None else citation.end
    return {"startIndex": len(text[: citation.start or 0].encode()), "endIndex": len(text[:end].encode())}
