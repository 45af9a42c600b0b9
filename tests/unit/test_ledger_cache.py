"""What deliver remembers of the ledger's file is bounded, also where records are large."""

from penstock.buffer.sqlite.delivery.ledger import CACHED_BYTES_MAX, CACHED_MAX, SqliteLedger
from penstock.clock import ManualClock


class NobodyAsks:
    """A file that is never read: everything is remembered."""


def test_large_records_push_one_another_out_before_the_memory_is_full():
    ledger, record = SqliteLedger("custify", NobodyAsks(), clock=ManualClock()), b"x" * (CACHED_BYTES_MAX // 10)

    for n in range(50):
        ledger.keep({f"user:{n}": record, f"user:{n - 1}": record + b"y", f"email:{n}": None})

    assert 0 < sum(len(kept or b"") for kept in ledger.cache.values()) == ledger.cached_bytes <= CACHED_BYTES_MAX
    assert "user:48" in ledger.cache


def test_small_ones_are_as_many_as_ever():
    ledger = SqliteLedger("custify", NobodyAsks(), clock=ManualClock())

    for n in range(CACHED_MAX + 5):
        ledger.keep({f"user:{n}": b"x" * 300})

    assert len(ledger.cache) == CACHED_MAX


async def test_what_is_pushed_out_while_others_are_read_is_still_an_answer():
    class Slow:
        async def run(self, _):
            ledger.cache.clear()
            return {"user:bo": b"bo"}

    ledger = SqliteLedger("custify", Slow(), clock=ManualClock())
    ledger.keep({"user:ana": b"ana"})

    assert await ledger.known(["user:ana", "user:bo"]) == {"user:ana": b"ana", "user:bo": b"bo"}


def test_what_was_read_ahead_gives_way_to_what_was_written_since():
    ledger = SqliteLedger("custify", NobodyAsks(), clock=ManualClock())
    ledger.keep({"user:ana": b"new"})

    ledger.keep_new({"user:ana": b"old", "user:bo": b"bo"})

    assert dict(ledger.cache) == {"user:ana": b"new", "user:bo": b"bo"}
