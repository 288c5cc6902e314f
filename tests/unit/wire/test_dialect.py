from __future__ import annotations

from sekisho.core.errors import ErrorClass, ErrorInfo
from sekisho.wire.dialect import unmended


def test_what_cannot_be_mended_is_left_alone() -> None:
    assert unmended(b"{}", ErrorInfo(error_class=ErrorClass.INVALID_REQUEST, message="x", status=400)) is None
