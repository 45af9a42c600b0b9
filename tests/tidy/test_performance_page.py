"""docs/performance.md says what the recorded run says; and a run says itself what it must be read with."""

import json

from rows import Row, row_of, table

from tidy import performance_page

MACHINE = {"cpu": "a processor", "cores": 2, "python": "3.11.7", "system": "Linux"}
MET = Row(
    name="accept: something", unit="/s", figure=900.0, beside="the limit", limit=1_000.0, target=">= 0.5", cpu_us=12.5
)
MISSED = Row(name="idle: share of a core", unit="%", figure=0.9, target="<= 0.3", note="of all processes")
TOLD = Row(name="deliver: how it is", unit="MB", figure=12_345.0)
OBSTACLES = [{"rows": "idle: ", "why": "Somebody looks\nagain.", "next": "Do not look."}]


def run_of(*rows: Row) -> dict:
    thread = {"thread": "MainThread", "cpu_us": 80.0, "parts": {"convert": 60.0, "loop": 19.5, "event.py": 0.5}}
    return {
        "machine": MACHINE,
        "at": 1_795_000_000,
        "seconds": 600,
        "load_before": 0.1,
        "load_after": 1.0,
        "rows": [row.as_json() for row in rows],
        "profiles": {"deliver": {"events": 1_000, "threads": [thread]}},
    }


def test_every_row_of_the_run_is_on_the_page_with_its_limit_and_its_target():
    page = performance_page.page_of(run_of(MET, MISSED, TOLD), OBSTACLES)

    assert "| accept: something | 900 /s | the limit: 1 000 | 0.9 | >= 0.5 | holds | 12.5 µs |  |" in page
    assert "| idle: share of a core<br>of all processes | 0.9 % |  |  | <= 0.3 | **missed** |  |  |" in page
    assert "| deliver: how it is | 12 345 MB |  |  |  |  |  |  |" in page


def test_what_misses_its_target_is_said_with_what_stands_in_the_way_and_nothing_else_is():
    page = performance_page.page_of(run_of(MET, MISSED), OBSTACLES)

    assert "- `idle: share of a core` (0.9, <= 0.3).\n  Somebody looks again. **Next:** Do not look." in page
    assert "`accept: something`" not in page
    assert "Every target is met." in performance_page.page_of(run_of(MET, TOLD), OBSTACLES)


def test_the_page_says_where_the_time_of_an_event_goes():
    page = performance_page.page_of(run_of(MET), OBSTACLES)

    assert "| MainThread | | **80** | 100% |\n| | convert | 60 | 75% |\n| | loop | 19.5 | 24% |" in page


def test_a_recorded_run_was_a_whole_one_of_which_every_miss_is_explained_and_without_one_the_page_says_so():
    if not performance_page.RECORDED.exists():
        assert "No run is recorded yet." in performance_page.page()
        return
    run = json.loads(performance_page.RECORDED.read_text())

    assert not run["quick"]
    assert "is not known" not in performance_page.page()


def test_a_row_is_held_to_its_ratio_where_there_is_a_limit_and_else_to_its_figure():
    assert MET.holds is True
    assert MISSED.holds is False
    assert TOLD.holds is None
    assert Row(name="n", unit="s", figure=3.0, limit=2.0, target="<= 1.4").holds is False


def test_a_row_comes_back_from_its_record_as_it_was():
    assert [row_of(json.loads(json.dumps(row.as_json()))) for row in (MET, MISSED, TOLD)] == [MET, MISSED, TOLD]


def test_a_run_stands_beside_what_was_recorded_by_the_ratio_where_there_is_one():
    recorded = {MET.name: Row(name=MET.name, unit="/s", figure=400.0, limit=500.0)}

    _, first, second = table([MET, MISSED], recorded).splitlines()
    assert first.endswith("0.8 (+12%)")
    assert second.endswith("MISSED")
