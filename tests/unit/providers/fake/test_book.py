from __future__ import annotations

from sekisho.canonical.usage import Usage
from sekisho.providers.fake.book import Bill, Book, masked


def test_credentials_are_kept_as_digests_that_tell_one_from_another() -> None:
    one = masked({"authorization": "Bearer sk-one", "user-agent": "x"})
    other = masked({"authorization": "Bearer sk-other"})
    assert "sk-one" not in str(one)
    assert one["authorization"] != other["authorization"]
    assert one["user-agent"] == "x"


def test_attempts_of_one_call_stand_together() -> None:
    book = Book()
    for status in (500, 200):
        book.enter("c", Bill(path="/", model="m", stream=False, response_id="r", status=status))
    assert book.attempts("c") == 2
    assert [bill.status for bill in book.calls["c"]] == [500, 200]


def test_reset_forgets() -> None:
    book = Book()
    book.enter("c", Bill(path="/", model="m", stream=False, response_id="r"))
    assert book.next_serial() == 1
    book.reset()
    assert (book.attempts("c"), book.next_serial()) == (0, 1)


def test_input_is_due_when_the_call_is_accepted() -> None:
    bill = Bill(path="/", model="m", stream=True, response_id="r")
    bill.accept(Usage(input_tokens=3, cache_read_tokens=2, cache_write_tokens=1, output_tokens=9))
    assert (bill.input_tokens, bill.cache_read_tokens, bill.cache_write_tokens, bill.output_tokens) == (3, 2, 1, 0)
