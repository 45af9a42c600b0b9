"""What a sandbox holds, as its sender knows it: by the sender's ids, without Custify's own and without times of arrival."""

from collections.abc import Mapping
from typing import Any

Held = dict[str, dict[str, Any]]


def held(state: Mapping[str, Any]) -> Held:
    """Return people, companies and events of a sandbox's state, each by the sender's id."""
    company_ids = {company["id"]: company["company_id"] for company in state["companies"]}
    user_ids = {person["id"]: person.get("user_id") or person["email"] for person in state["people"]}
    people = [each | {"companies": _companies(each, company_ids)} for each in state["people"]]
    events = [
        each | {"person": user_ids.get(each["person"]), "companies": _companies(each, company_ids)}
        for each in state["events"]
    ]
    return {
        "people": {user_ids[each["id"]]: _without(each, "id") for each in people},
        "companies": {each["company_id"]: _without(each, "id") for each in state["companies"]},
        "events": {each["deduplication_id"]: _without(each, "at") for each in events},
        "counts": {name: {"count": count} for name, count in state["counts"].items()},
    }


def differences(one: Held, other: Held) -> list[str]:
    """Return a sentence for every field in which they differ."""
    return [
        f"{kind} {id_}: {field} is {a!r} and {b!r}"
        for kind in one
        for id_ in sorted(one[kind].keys() | other[kind].keys())
        for field in sorted(one[kind].get(id_, {}).keys() | other[kind].get(id_, {}).keys())
        if (a := one[kind].get(id_, {}).get(field)) != (b := other[kind].get(id_, {}).get(field))
    ]


def _companies(entity: Mapping[str, Any], company_ids: Mapping[str, str]) -> list[str]:
    return sorted(company_ids[id_] for id_ in entity["companies"])


def _without(entity: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in entity.items() if key != name}
