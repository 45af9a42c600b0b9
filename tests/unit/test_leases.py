"""Who may deliver an event, until when."""

import pytest

from penstock.buffer.port.backlog import Lease
from penstock.buffer.rules.leases import Leases, within
from penstock.errors import LeaseLost
from penstock.event import Event, MessageId


def event(name: str = "m1", body: bytes = b"{}") -> Event:
    return Event(
        message_id=MessageId(name), type="track", user_id="ana", anonymous_id="", company_id="", request_ip="",
        source="web", received_at_ms=0, body=body,
    )  # fmt: skip


def grant(leases: Leases, position: int, *, expires_at: float = 10.0, attempt: int = 1) -> Lease:
    return leases.grant(
        position, event=event(), seq=position, attempt=attempt, first_failed_at=None, expires_at=expires_at
    )


def test_what_is_leased_is_held_until_its_verdict():
    leases = Leases()
    lease = grant(leases, 7)
    assert (7 in leases, 8 in leases, len(leases)) == (True, False, 1)

    assert leases.end(lease, 1.0) == 7

    assert (7 in leases, len(leases)) == (False, 0)
    with pytest.raises(LeaseLost):
        leases.end(lease, 1.0)


def test_a_lease_is_over_from_the_moment_that_it_names():
    leases = Leases()
    lease = grant(leases, 7, expires_at=10.0)
    assert leases.position(lease, 9.9) == 7

    with pytest.raises(LeaseLost, match="m1"):
        leases.position(lease, 10.0)


def test_what_ran_out_is_taken_back_with_where_it_waits_and_counts_as_an_attempt():
    leases = Leases()
    lease, kept = grant(leases, 7, expires_at=10.0), grant(leases, 8, expires_at=10.5)

    assert leases.expire(10.0) == [7]

    assert grant(leases, 7, expires_at=20.0).attempt == 2
    assert leases.position(kept, 10.0) == 8
    with pytest.raises(LeaseLost):
        leases.end(lease, 10.0)


def test_a_lease_that_ran_out_and_was_given_away_again_is_lost_for_the_first_one_whatever_the_time_says():
    leases = Leases()
    first = grant(leases, 7, expires_at=10.0)
    leases.expire(10.0)
    grant(leases, 7, expires_at=20.0)

    with pytest.raises(LeaseLost):
        leases.position(first, float("-inf"))
    assert leases.followers(first) == ()


def test_an_attempt_that_ran_out_counts_once():
    """The verdict writes it down with the attempts: what is handed out next begins from there."""
    leases = Leases()
    grant(leases, 7, expires_at=10.0)
    leases.expire(10.0)
    again = grant(leases, 7, expires_at=20.0)
    leases.end(again, 11.0)

    assert grant(leases, 7, attempt=again.attempt + 1, expires_at=30.0).attempt == 3


def test_a_lease_that_has_its_verdict_while_others_are_taken_back_did_not_run_out():
    """The writer's thread takes back while the event loop ends."""

    class EndedMeanwhile(dict):
        def items(self):
            found = list(super().items())
            self.clear()
            return found

    leases = Leases()
    grant(leases, 7, expires_at=10.0)
    leases.held = EndedMeanwhile(leases.held)

    assert leases.expire(10.0) == []

    assert grant(leases, 7).attempt == 1


def test_every_lease_has_a_token_of_its_own():
    leases = Leases()

    assert len({grant(leases, position).token for position in (7, 8, 9)}) == 3


def test_who_holds_a_lease_learns_of_those_that_were_leased_along_with_it_later():
    leases = Leases()
    first, behind = grant(leases, 7), grant(leases, 8)
    assert leases.followers(first) == ()

    assert leases.with_followers(first, [behind]).followers == (behind,)

    assert leases.followers(first) == (behind,)


@pytest.mark.parametrize(("bytes_max", "taken"), [(9, [True, False]), (10, [True, True]), (4, [False, False])])
def test_events_are_taken_while_their_bodies_fit_to_the_last_byte(bytes_max, taken):
    takes = within(bytes_max)

    assert [takes(event(body=b"12345")), takes(event(body=b"67890"))] == taken
