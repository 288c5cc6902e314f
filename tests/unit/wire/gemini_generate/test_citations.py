from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.events import Citation
from sekisho.wire.gemini_generate.citations import read_citations, write_citations
from sekisho.wire.gemini_generate.reply_schema import CandidateOut

TEXT = "東京 is the capital. Kyōto was."


def cited(text: str = TEXT, **metadata: Any) -> list[Citation]:
    return list(read_citations(msgspec.convert(metadata, CandidateOut), text))


def grounding(segment: dict[str, Any], *indices: int) -> dict[str, Any]:
    chunks = [{"web": {"uri": "https://a", "title": "A"}}, {"retrievedContext": {"title": "B"}}]
    return {"groundingChunks": chunks, "groundingSupports": [{"segment": segment, "groundingChunkIndices": indices}]}


def test_bytes_become_characters() -> None:
    first = "東京 is the capital."
    segment = {"endIndex": len(first.encode()), "text": first}
    assert cited(groundingMetadata=grounding(segment, 0, 1)) == [
        Citation(url="https://a", title="A", cited_text=first, start=0, end=len(first)),
        Citation(url=None, title="B", cited_text=first, start=0, end=len(first)),
    ]


def test_offsets_of_another_part_give_way_to_the_text() -> None:
    segment = {"startIndex": 0, "endIndex": 10, "text": "Kyōto was."}
    [found] = cited(groundingMetadata=grounding(segment, 0))
    assert (found.start, found.end) == (TEXT.index("Kyōto"), len(TEXT))
    [lost] = cited("other", groundingMetadata=grounding(segment, 0))
    assert (lost.start, lost.end) == (None, None)


def test_a_source_that_is_not_listed_is_none() -> None:
    assert cited(groundingMetadata=grounding({}, 7)) == []
    assert cited() == []


def test_citations_have_either_name() -> None:
    source = {"startIndex": 1, "endIndex": 3, "uri": "https://a"}
    for key in ("citations", "citationSources"):
        [found] = cited("hello", citationMetadata={key: [source]})
        assert (found.url, found.start, found.end) == ("https://a", 1, 3)
    [beyond] = cited("hi", citationMetadata={"citations": [source]})
    assert (beyond.start, beyond.end) == (None, None)


@given(st.text(min_size=1), st.data())
def test_what_is_written_is_read_the_same(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    citation = Citation(url="https://a", title="A", cited_text=text[start:end] or None, start=start, end=end)
    assert cited(text, **write_citations([(citation, text)])) == [citation]
    nameless = Citation(title="T", start=start, end=end)
    assert cited(text, **write_citations([(nameless, text)])) == [nameless]


def test_without_offsets_the_whole_text_is_meant() -> None:
    value = write_citations([(Citation(url="https://a"), "né")])
    assert value["groundingMetadata"]["groundingSupports"][0]["segment"] == {"startIndex": 0, "endIndex": 3}
    assert write_citations([]) == {}
