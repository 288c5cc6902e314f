"""A CSV file as lines of named cells, each read as what it has to be.

Flows in: a file, as a provider's console or a spreadsheet wrote it, gzipped or not. Flows out: lines, or an error that
names line and column. Must stay true: amounts are exact decimals; a file that cannot be read to its end is refused
whole by who reads it.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from sekisho.core.errors import OperatorError

_GZIP: Final = b"\x1f\x8b"
_DELIMITERS: Final = ",;\t"
#: Where a capital begins a word: `lineItem/UsageStartDate`, `costInUSD`.
_WORD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ISO_OR_AMERICAN: Final = re.compile(r"(?:(\d{4})-(\d\d)-(\d\d)|(\d{1,2})/(\d{1,2})/(\d{4}))")
#: No amount of a line has more digits before the point, none is told more exactly; sums of them are exact then.
_WHOLE_DIGITS: Final = 10
_DECIMALS: Final = 18
#: No line counts more tokens than have so many digits.
_TOKEN_DIGITS: Final = 16
#: Of what stands in a cell, so much is shown.
_SHOWN: Final = 40


class InvoiceError(OperatorError):
    """The file cannot be compared: which, where, and why."""


class Line:
    """One line. Columns are named in small letters with `_` between words."""

    def __init__(self, file: str, number: int, cells: Mapping[str, str]) -> None:
        self._file = file
        self.number = number
        self._cells = cells

    def has(self, column: str) -> bool:
        """Whether there is anything in it."""
        return bool(self.text(column))

    def text(self, *columns: str) -> str:
        """The first of these that the file has; "" without one."""
        return next((self._cells[column] for column in columns if column in self._cells), "").strip()

    def amount(self, column: str) -> Decimal:
        """A number, 0 for an empty cell. Raises InvoiceError."""
        value = self._number(column)
        if not -_DECIMALS <= value.adjusted() < _WHOLE_DIGITS or value != round(value, _DECIMALS):
            raise self.error(column, f"'{self.text(column)[:_SHOWN]}' is no amount.")
        return value

    def tokens(self, column: str) -> int:
        """A whole number of at least 0. Raises InvoiceError."""
        value = self._number(column)
        if value < 0 or value.adjusted() >= _TOKEN_DIGITS or value != value.to_integral_value():
            raise self.error(column, f"'{self.text(column)[:_SHOWN]}' is no count of tokens.")
        return int(value)

    def _number(self, column: str) -> Decimal:
        text = self.text(column)
        try:
            value = Decimal(text or "0")
        except InvalidOperation:
            value = Decimal("nan")
        if not value.is_finite():
            raise self.error(column, f"'{text[:_SHOWN]}' is no number.")
        return value

    def day(self, column: str) -> dt.date:
        """The UTC day of a date (2026-01-31, 01/31/2026), a time of ISO 8601, or an epoch in seconds."""
        text = self.text(column)
        try:
            if text.isascii() and text.isdecimal() and len(text) > len("20260131"):
                return dt.datetime.fromtimestamp(int(text[:12]), dt.UTC).date()
            match = _ISO_OR_AMERICAN.match(text)
            if match is not None and match.end() == len(text):
                year, month, day = match.group(1, 2, 3) if match[1] else match.group(6, 4, 5)
                return dt.date(int(year), int(month), int(day))
            moment = dt.datetime.fromisoformat(text)
        except (ValueError, OverflowError):
            raise self.error(column, f"'{text[:_SHOWN]}' is no day.") from None
        return moment.astimezone(dt.UTC).date() if moment.tzinfo else moment.date()

    def error(self, column: str, message: str) -> InvoiceError:
        """What is wrong with a cell."""
        return InvoiceError(f"{self._file}, line {self.number}, column '{column}': {message}")


class Sheet:
    """A file whose header has been read."""

    def __init__(self, path: Path) -> None:
        """Raises InvoiceError."""
        self.file = path.name
        self._text = _text_of(path)
        first = self._text.partition("\n")[0]
        delimiter = max(_DELIMITERS, key=first.count)
        self._rows = csv.reader(io.StringIO(self._text, newline=""), delimiter=delimiter, strict=True)
        self.header = tuple(map(named, self._next() or ()))
        if not any(self.header):
            raise InvoiceError(f"{self.file} is empty: a header and lines are expected.")
        twice = next((name for name in self.header if name and self.header.count(name) > 1), None)
        if twice is not None:
            raise InvoiceError(f"{self.file}, line 1: the column '{twice}' is there twice.")

    def lines(self) -> Iterator[Line]:
        """All lines that are not blank. Raises InvoiceError."""
        while (cells := self._next()) is not None:
            if not any(map(str.strip, cells)):
                continue
            if len(cells) != len(self.header):
                raise InvoiceError(
                    f"{self.file}, line {self._rows.line_num}: {len(cells)} columns, the header has {len(self.header)}."
                )
            yield Line(self.file, self._rows.line_num, dict(zip(self.header, cells, strict=True)))

    def _next(self) -> list[str] | None:
        try:
            return next(self._rows, None)
        except csv.Error as error:
            raise InvoiceError(f"{self.file}, line {self._rows.line_num}: {error}.") from None


def named(column: str) -> str:
    """A column's name in one spelling: `lineItem/UsageType` and `line_item_usage_type` are the same."""
    return re.sub(r"[^a-z0-9]+", "_", _WORD.sub("_", column.strip()).lower()).strip("_")


def _text_of(path: Path) -> str:
    try:
        data = path.read_bytes()
        if data.startswith(_GZIP):
            data = gzip.decompress(data)
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvoiceError(f"{path.name} is no text in UTF-8: save it as CSV UTF-8.") from None
    except (OSError, EOFError, zlib.error) as error:
        raise InvoiceError(f"{path.name} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
