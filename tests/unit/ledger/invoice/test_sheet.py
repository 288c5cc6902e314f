from __future__ import annotations

import datetime as dt
import gzip
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.ledger.invoice.sheet import InvoiceError, Line, Sheet, named


def sheet(folder: Path, data: str | bytes) -> Sheet:
    path = folder / "bill.csv"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return Sheet(path)


def line(**cells: str) -> Line:
    return Line("bill.csv", 7, cells)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_lines_by_the_names_of_their_columns(tmp_path: Path, delimiter: str) -> None:
    text = '\ufeffDate,Cost USD\r\n2026-01-31,"1\n2"\r\n\r\n , \r\n2026-02-01,3\r\n'.replace(",", delimiter)
    found = sheet(tmp_path, text)
    assert found.header == ("date", "cost_usd")
    assert [(one.number, one.text("date"), one.text("cost_usd")) for one in found.lines()] == [
        (3, "2026-01-31", "1\n2"),
        (6, "2026-02-01", "3"),
    ]


def test_a_gzipped_file(tmp_path: Path) -> None:
    assert [one.text("b") for one in sheet(tmp_path, gzip.compress(b"a,b\n1,2\n")).lines()] == ["2"]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("lineItem/UsageStartDate", "line_item_usage_start_date"),
        ("line_item_usage_start_date", "line_item_usage_start_date"),
        ("MeterSubCategory", "meter_sub_category"),
        ("costInUSD", "cost_in_usd"),
        (" Prompt Tokens ", "prompt_tokens"),
    ],
)
def test_a_column_has_one_name_in_every_spelling(written: str, name: str) -> None:
    assert named(written) == name


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("", "is empty"),
        ("\n", "is empty"),
        ("a,b,A\n1,2,3\n", "line 1: the column 'a' is there twice"),
        ("a,b\n1,2\n3\n", "line 3: 1 columns, the header has 2"),
        ("a,b\n1,2,3\n", "line 2: 3 columns"),
        ('a,b\n1,"2"x\n', "line 2: "),
        ('a,b\n1,"2\n', "unexpected end of data"),
        (b"a,b\n\xff,2\n", "no text in UTF-8"),
        (b"\x1f\x8bnot gzip", "cannot be read"),
        (gzip.compress(b"a,b\n1,2\n" * 99)[:-9], "cannot be read"),
        (b"a,b\n" + b"x" * 200_000 + b",1\n", "field larger than field limit"),
    ],
    ids=range(11),
)
def test_a_file_that_cannot_be_read_says_where(tmp_path: Path, data: str | bytes, said: str) -> None:
    with pytest.raises(InvoiceError) as error:
        list(sheet(tmp_path, data).lines())
    assert str(error.value).startswith("bill.csv")
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("text", "amount"), [("", "0"), ("0.8958740000000000", "0.895874"), ("-3", "-3"), ("2.5e-6", "0.0000025")]
)
def test_amounts_are_exact(text: str, amount: str) -> None:
    assert line(cost=text).amount("cost") == Decimal(amount)


@pytest.mark.parametrize("text", ["x", "1,5", "$1", "nan", "Infinity", "1e99", "1e-30", "1e999999999", "99999999999"])
def test_what_is_no_amount_is_named_with_its_place(text: str) -> None:
    with pytest.raises(InvoiceError, match=r"^bill.csv, line 7, column 'cost': '.*' is no (amount|number)\.$"):
        line(cost=text).amount("cost")


@pytest.mark.parametrize(("text", "tokens"), [("59200.0", 59_200), ("0", 0), ("", 0), ("1e3", 1_000)])
def test_tokens_are_whole_however_they_are_written(text: str, tokens: int) -> None:
    assert line(input=text).tokens("input") == tokens


@pytest.mark.parametrize("text", ["1.5", "-1", "1e17", "many"])
def test_what_is_no_count_is_named(text: str) -> None:
    with pytest.raises(InvoiceError, match="line 7, column 'input'"):
        line(input=text).tokens("input")


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-01-31", (2026, 1, 31)),
        ("01/31/2026", (2026, 1, 31)),
        ("1/2/2026", (2026, 1, 2)),
        ("2026-08-03T00:00:00Z", (2026, 8, 3)),
        ("2026-08-03T23:30:00-02:00", (2026, 8, 4)),
        ("2026-05-12 00:00:00", (2026, 5, 12)),
        ("1759622400", (2025, 10, 5)),
    ],
)
def test_days_are_utc(text: str, day: tuple[int, int, int]) -> None:
    assert line(date=text).day("date") == dt.date(*day)


@pytest.mark.parametrize("text", ["", "31/12/2026", "2026-02-30", "yesterday", "99999999999999", "2026"])
def test_what_is_no_day_is_named(text: str) -> None:
    with pytest.raises(InvoiceError, match=r"line 7, column 'date': '.*' is no day\."):
        line(date=text).day("date")


@given(data=st.binary(max_size=200))
def test_any_bytes_are_lines_or_an_error(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    numbers = [2]
    with suppress(InvoiceError):
        numbers += [one.number for one in sheet(tmp_path_factory.getbasetemp(), data).lines()]
    assert min(numbers) > 1
