from __future__ import annotations

import pytest

from sekisho.core import errors as err


def tree(root: type[err.SekishoError]) -> list[type[err.SekishoError]]:
    return [
        root,
        *(leaf for child in root.__subclasses__() if child.__module__ == err.__name__ for leaf in tree(child)),
    ]


def test_every_class_has_a_status() -> None:
    assert set(err.DEFAULT_STATUS) == set(err.ErrorClass)


def test_the_picture_in_the_docstring_is_the_tree() -> None:
    assert err.__doc__ is not None
    assert [kind.__name__ for kind in tree(err.SekishoError) if kind.__name__ not in err.__doc__] == []


def test_an_error_carries_its_data() -> None:
    info = err.Overloaded("full", retry_after_seconds=2).info
    assert (info.status, info.error_class, info.retry_after_seconds) == (503, err.ErrorClass.OVERLOADED, 2)


def test_an_unsupported_feature_names_field_and_dialect() -> None:
    error = err.UnsupportedFeature("n", "anthropic-messages", "Ask once.")
    assert error.info.param == "n"
    assert str(error) == "'n' has no equivalent in anthropic-messages, which serves this model. Ask once."


def test_a_timeout_names_its_phase() -> None:
    error = err.UpstreamTimeout("first_byte", 2.5)
    assert (error.phase, error.info.status) == ("first_byte", 504)
    assert "first byte: 2.5 s" in str(error)


def test_a_refusal_keeps_what_the_codec_read() -> None:
    info = err.ErrorInfo(error_class=err.ErrorClass.RATE_LIMITED, message="slow down", status=429)
    error = err.UpstreamRefused(info, (("retry-after", "3"),), b"{}")
    with pytest.raises(err.UpstreamError):
        raise error
    assert (error.info, error.headers, error.body) == (info, (("retry-after", "3"),), b"{}")
