"""What is wrong, decided from two looks alone."""

import dataclasses

import pytest

from penstock.alerts.look import NO_SOURCE, WINDOW_S, DestinationLook, Look, RoleLook, SourceLook, before_of, carried
from penstock.alerts.rules import RULES, troubles
from penstock.settings import ALERT_RULES, Settings

HOUR_S = 3600.0
SETTINGS = Settings()


def destination(**figures) -> DestinationLook:
    usual = {
        "state": "delivering",
        "cause": "",
        "reason": "",
        "waiting": 0,
        "parked": 0,
        "oldest_waiting_s": None,
        "bad": 0,
        "worst": "",
    }
    return DestinationLook(**usual | figures)


def look(at: float = 0.0, **facts) -> Look:
    usual = {
        "destinations": {},
        "sources": {},
        "refused": {},
        "roles": {},
        "free_bytes": 10**12,
        "notices": (),
        "settings_problem": "",
    }
    return Look(at=at, **usual | facts)


def keys(before: Look | None, now: Look, settings: Settings = SETTINGS) -> list[tuple[str, str]]:
    return [(each.rule, each.subject) for each in troubles(before, now, settings)]


def test_every_rule_has_a_name_that_can_be_chosen():
    assert tuple(RULES) == ALERT_RULES


def test_nothing_is_wrong_with_a_penstock_that_works():
    roles = {role: RoleLook(state="running", words="runs", restarts=0) for role in ("accept", "deliver", "operate")}
    usual = look(destinations={"custify": destination(waiting=3, oldest_waiting_s=2.0)}, roles=roles)

    assert troubles(None, usual, SETTINGS) == []


@pytest.mark.parametrize(("state", "is_told"), [
    ("held", True), ("down", True), ("stalled", True), ("delivering", False), ("throttled", False), ("paused", False),
    ("disabled", False), ("stopped", False),
])  # fmt: skip
def test_a_destination_that_a_person_must_look_at_is_told(state, is_told):
    now = look(
        destinations={"custify": destination(state=state, cause="custify.refused.401", reason="key refused", waiting=7)}
    )

    found = troubles(None, now, SETTINGS)

    assert [each.rule for each in found] == ["destination"] * is_told
    if found:
        assert "key refused" in found[0].sentence
        assert "7 events wait" in found[0].sentence
        assert found[0].advice
        assert found[0].path == "/destinations/custify"


def test_a_few_bad_events_are_not_told_and_many_are_with_their_cause():
    few, many = (look(destinations={"custify": destination(bad=bad, worst="custify.refused.422")}) for bad in (9, 10))

    assert keys(None, few) == []
    [trouble] = troubles(None, many, SETTINGS)
    assert "10 events" in trouble.sentence
    assert "custify.refused.422" in trouble.sentence
    assert keys(None, many, dataclasses.replace(SETTINGS, alert_bad_events=0)) == []


def test_a_backlog_that_is_worked_off_is_not_told_again_and_one_that_grows_is():
    old = {"oldest_waiting_s": 2 * HOUR_S}
    before = look(destinations={"custify": destination(waiting=500, **old)})

    shrinks, grows = (look(900.0, destinations={"custify": destination(waiting=n, **old)}) for n in (400, 500))

    assert keys(before, shrinks) == []
    assert keys(before, grows) == [("waiting", "custify")]
    held = look(900.0, destinations={"custify": destination(waiting=500, state="held", **old)})
    assert keys(before, held) == [("destination", "custify")], "one trouble is one problem"


def test_what_only_waits_for_its_person_is_no_backlog():
    now = look(destinations={"custify": destination(waiting=5, parked=5, oldest_waiting_s=9 * HOUR_S)})

    assert keys(None, now) == []


def test_a_source_is_silent_when_it_sent_before_and_stopped():
    never, first = look(0.0, sources={"web": SourceLook(accepted=0, heard=None)}), SourceLook(accepted=5, heard=None)
    begins = carried(look(60.0, sources={"web": first}), carried(never, None))
    later = carried(look(60.0 + 25 * HOUR_S, sources={"web": first}), begins)
    again = carried(look(61.0 + 25 * HOUR_S, sources={"web": SourceLook(accepted=6, heard=None)}), later)

    assert keys(None, carried(look(99 * HOUR_S, sources={"web": SourceLook(accepted=0, heard=None)}), never)) == []
    assert keys(None, begins) == []
    assert keys(None, later) == [("silent_source", "web")]
    assert keys(None, again) == []


def test_refused_requests_are_counted_by_whose_they_are_and_over_a_restart_of_ingest():
    before = look(refused={NO_SOURCE: {"401": 1000}, "web": {"429": 50}})
    anew = look(900.0, refused={NO_SOURCE: {"401": 120}, "web": {"429": 149}})
    now = look(900.0, refused={NO_SOURCE: {"401": 1100}, "web": {"429": 149}})

    assert keys(before, anew) == [("refused", NO_SOURCE)], "fewer than before: its counters began anew"
    [trouble] = troubles(before, now, SETTINGS)
    assert (trouble.subject, trouble.path) == (NO_SOURCE, "/live")
    assert "100 requests" in trouble.sentence
    assert "401" in trouble.sentence


def test_a_disk_is_told_before_it_is_full():
    assert keys(None, look(free_bytes=10**9)) == [("disk", "data_dir")]
    assert keys(None, look(free_bytes=None)) == []
    assert keys(None, look(free_bytes=10**9), dataclasses.replace(SETTINGS, alert_disk_free_bytes=10**8)) == []


def test_a_role_that_stands_or_restarts_is_told():
    def with_deliver(state: str, restarts: int, at: float = 0.0) -> Look:
        return look(at, roles={"deliver": RoleLook(state=state, words="is not running", restarts=restarts)})

    assert keys(None, with_deliver("down", 0)) == [("role", "deliver")]
    assert keys(with_deliver("running", 7), with_deliver("running", 9, 900.0)) == []
    [trouble] = troubles(with_deliver("running", 7), with_deliver("running", 10, 900.0), SETTINGS)
    assert "started again 3 times" in trouble.sentence


def test_what_is_said_of_the_store_and_the_settings_is_told():
    now = look(notices=("events 3 to 4 are missing",), settings_problem="listen: expected host:port.")

    assert keys(None, now) == [("store", "data_dir"), ("settings", "penstock.toml")]


def test_a_look_is_compared_with_one_of_a_quarter_of_an_hour_ago():
    looks = [look(at) for at in (0.0, 60.0, 120.0)]

    assert before_of([], 0.0) is None
    assert before_of(looks, 300.0) == looks[0], "the oldest there is"
    assert before_of(looks, 60.0 + WINDOW_S) == looks[1]
    assert before_of(looks, 9_999_999.0) == looks[2]


def test_a_name_with_odd_letters_leads_to_its_page():
    now = look(destinations={"Custify EU/2": destination(state="held")})

    assert troubles(None, now, SETTINGS)[0].path == "/destinations/Custify%20EU%2F2"


def test_an_erasure_past_its_deadline_is_told_of_by_itself():
    late = look(
        late_erasures=["erasure 000001 is past its deadline: custify: the key is refused; see the page Privacy"]
    )

    [told] = [each for each in troubles(None, late, SETTINGS) if each.rule == "erasure"]
    assert "Erasure 000001 is past its deadline: custify: the key is refused" in told.sentence
    assert told.path == "/privacy"
