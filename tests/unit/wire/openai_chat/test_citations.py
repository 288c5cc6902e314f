from __future__ import annotations

from sekisho.canonical.events import Citation
from sekisho.wire.openai_chat.citations import read_citation, write_citation
from sekisho.wire.openai_chat.reply_schema import Annotation, UrlCitation


def test_an_annotation_is_a_citation_with_its_offsets() -> None:
    note = Annotation(type="url_citation", url_citation=UrlCitation(url="u", title="t", start_index=3, end_index=9))
    assert read_citation(note) == Citation(url="u", title="t", start=3, end=9)


def test_annotations_of_other_types_are_none() -> None:
    assert read_citation(Annotation(type="file_citation")) is None
    assert read_citation(Annotation(type="url_citation", url_citation=UrlCitation(title="no address"))) is None


def test_offsets_count_from_the_start_of_the_message() -> None:
    note = write_citation(Citation(url="u", title="t", start=1, end=4), start=10, length=20)
    assert note == {
        "type": "url_citation",
        "url_citation": {"start_index": 11, "end_index": 14, "title": "t", "url": "u"},
    }


def test_a_source_without_offsets_stands_for_the_whole_text() -> None:
    note = write_citation(Citation(url="u"), start=10, length=20)
    assert note is not None
    assert note["url_citation"] == {"start_index": 10, "end_index": 30, "title": "u", "url": "u"}


def test_a_source_without_an_address_has_no_place() -> None:
    assert write_citation(Citation(cited_text="from a document"), 0, 5) is None
