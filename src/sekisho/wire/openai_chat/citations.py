"""Sources of a text: `annotations` of type url_citation, both ways.

Flows in: an annotation, or the canonical citations of a text. Flows out: the other one. Must stay true: offsets count
characters of the whole message's text; a source without a URL has no place in this dialect.
"""

from __future__ import annotations

from typing import Any

from sekisho.canonical.events import Citation
from sekisho.wire.openai_chat.reply_schema import Annotation

Body = dict[str, Any]


def read_citation(note: Annotation) -> Citation | None:
    """The source; None for annotations of other types."""
    cited = note.url_citation
    if cited is None or cited.url is None:
        return None
    return Citation(
        url=cited.url, title=cited.title, cited_text=cited.content, start=cited.start_index, end=cited.end_index
    )


def write_citation(citation: Citation, start: int, length: int) -> Body | None:
    """One annotation. The cited text begins at character `start` of the message and is `length` long so far: a source
    without offsets stands for all of it.
    """
    if citation.url is None:
        return None
    return {
        "type": "url_citation",
        "url_citation": {
            "start_index": start + (citation.start or 0),
            "end_index": start + (length if citation.end is None else citation.end),
            "title": citation.title or citation.url,
            "url": citation.url,
        },
    }
