"""Explain as a picture: every value has a line to a field or to a reason."""

from penstock.destinations.custify.options import Mapping
from penstock.explain.diagram import LINES_MAX, diagram
from penstock.explain.explain import explain

EVENT = {
    "type": "group", "userId": "ana", "groupId": "acme", "traits": {"name": "Acme", "plan": "pro", "nested": [1, 2]},
    "context": {"traits": {"email": "ana@example.com"}},
}  # fmt: skip


def test_every_value_has_a_line_that_ends_where_something_stands():
    picture = diagram(explain(EVENT, Mapping()))
    ends = {node.y for node in picture.right if node.kind in {"field", "reason"}}

    assert {link.start for link in picture.links} == {node.y for node in picture.left}
    assert {link.end for link in picture.links} <= ends
    assert {node.text for node in picture.right if node.kind == "title"} == {
        "POST /company",
        "POST /people",
        "not sent",
    }


def test_values_that_stay_for_the_same_reason_meet_there():
    picture = diagram(explain(EVENT, Mapping()))
    unsent = [link.end for link in picture.links if not link.is_sent]

    assert len(unsent) > len(set(unsent))


def test_nothing_is_drawn_below_the_edge():
    picture = diagram(explain(EVENT, Mapping()))

    assert max(node.y for node in [*picture.left, *picture.right]) <= picture.height


def test_an_event_that_cannot_be_mapped_has_one_reason():
    picture = diagram(explain({"type": "identify", "traits": {"plan": "pro"}}, Mapping()))

    assert [node.kind for node in picture.right] == ["title", "reason"]
    assert not any(link.is_sent for link in picture.links)


def test_a_large_event_is_drawn_in_part_and_says_so():
    picture = diagram(
        explain({"type": "identify", "userId": "a", "traits": {f"t{n}": n for n in range(150)}}, Mapping())
    )

    assert len(picture.left) <= LINES_MAX
    assert picture.left_out > 0


def test_long_and_broken_texts_are_cut_to_one_line():
    picture = diagram(explain({"type": "identify", "userId": "a", "traits": {"bio": "x\n" * 500}}, Mapping()))

    assert all(len(node.text) <= 80 and "\n" not in node.text + node.beside for node in [*picture.left, *picture.right])
