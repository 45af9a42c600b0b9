"""`filters` and `sorting` of lists, in the forms in which Custify's own client sends them. Pure.

Names of types and of what is asked are those of the table in CustifyOfficial/custify-mcp, README; `sorting` is
`{"field": …, "direction": "asc" or "desc"}` there. How a value is compared is not documented, and decided here.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from penstock.sandbox import rules
from penstock.sandbox.rules import Refused
from penstock.sandbox.store import Entity

FILTERS_MAX = 50
DAY_S = 86_400
_HERE = {"is_unknown", "any_value"}
_NUMBER = {"greater", "lower", "between"} | _HERE
_CHOICE = {"is_any_of", "is_all_of", "is_none_of"}
_IN = {"is_in", "is_not_in"} | _HERE
_PERIODS = {f"{which}_{unit}" for which in ("last", "this") for unit in ("week", "month", "quarter", "year")}
TYPES: Mapping[str, frozenset[str]] = {
    "Boolean": frozenset({"true", "false"}),
    "Number": frozenset(_NUMBER),
    "Currency": frozenset(_NUMBER),
    "String": frozenset({"contains", "starts_with", "ends_with", "does_not_contain"} | _HERE),
    "Date": frozenset({"more_than", "less_than", "exactly", "after", "before", "between", "on"} | _PERIODS | _HERE),
    "Dropdown": frozenset(_CHOICE | _HERE),
    "Tag": frozenset(_CHOICE | _HERE),
    "Segment": frozenset(_CHOICE),
    "User": frozenset(_IN),
    "Company": frozenset(_IN),
}


class Filter(msgspec.Struct, frozen=True, rename="camel"):
    """One condition."""

    field_name: str
    field_type: str
    filter_type: str
    filter_value: Any = None


class Sorting(msgspec.Struct, frozen=True):
    """By what a list is sorted."""

    field: str
    direction: str = "desc"


def found(entities: Iterable[Entity], query: Mapping[str, str], *, now: float) -> list[Entity]:
    """Return what all filters of a query take, sorted as it says. Raises Refused."""
    filters = _read("filters", query, list[Filter], [])
    if len(filters) > FILTERS_MAX:
        raise Refused(400, f"filters: expected {FILTERS_MAX} at most")
    takes = [_condition(number, each, now) for number, each in enumerate(filters)]
    taken = [entity for entity in entities if all(take(entity) for take in takes)]
    sorting = _read("sorting", query, Sorting | None, None)
    return taken if sorting is None else _sorted(taken, sorting)


def value_of(entity: Entity, name: str) -> Any:
    """Return what a record has under a name, as the lists of attributes give it; None for nothing."""
    if name == "companies":
        return entity.companies or None
    own = entity.custom_attributes.get(name.removeprefix("custom_attributes."))
    return {"id": entity.id, **entity.fields}.get(name, own)


def _read(name: str, query: Mapping[str, str], kind: Any, default: Any) -> Any:
    text = query.get(name, "")
    if text in {"", "{}"}:
        return default
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Refused(400, f"{name}: {error}") from error


def _condition(number: int, condition: Filter, now: float) -> Callable[[Entity], bool]:
    known = TYPES.get(condition.field_type)
    if known is None:
        raise Refused(400, f"filters[{number}].fieldType: expected one of {', '.join(TYPES)}")
    if condition.filter_type not in known:
        raise Refused(400, f"filters[{number}].filterType: expected one of {', '.join(sorted(known))}")
    try:
        holds = _holds(condition, now)
    except (TypeError, ValueError, OverflowError) as error:
        raise Refused(400, f"filters[{number}].filterValue: {error}") from error
    return lambda entity: holds(value_of(entity, condition.field_name))


def _holds(condition: Filter, now: float) -> Callable[[Any], bool]:
    """Return what is asked of a value; None is what is not there. Raises TypeError, ValueError or OverflowError."""
    match condition.filter_type:
        case "is_unknown":
            return lambda value: value is None
        case "any_value":
            return lambda value: value is not None
        case "true" | "false":
            return lambda value: value is (condition.filter_type == "true")
    match condition.field_type:
        case "Number" | "Currency":
            return _number(condition)
        case "String":
            return _text(condition)
        case "Date":
            return _date(condition, now)
        case _:
            return _choice(condition)


def _number(condition: Filter) -> Callable[[Any], bool]:
    if condition.filter_type == "between":
        low, high = map(float, _pair(condition.filter_value))
    else:
        bound = float(condition.filter_value)
        low, high = (bound, float("inf")) if condition.filter_type == "greater" else (float("-inf"), bound)
    outside = condition.filter_type != "between"
    return lambda value: (
        rules.type_of(value) == "number" and (low < value < high if outside else low <= value <= high)
        if value is not None and not isinstance(value, list)
        else False
    )


def _text(condition: Filter) -> Callable[[Any], bool]:
    if not isinstance(condition.filter_value, str):
        raise TypeError("expected a text")
    wanted = condition.filter_value.casefold()
    match condition.filter_type:
        case "contains":
            return lambda value: isinstance(value, str) and wanted in value.casefold()
        case "does_not_contain":
            return lambda value: not isinstance(value, str) or wanted not in value.casefold()
        case "starts_with":
            return lambda value: isinstance(value, str) and value.casefold().startswith(wanted)
        case _:
            return lambda value: isinstance(value, str) and value.casefold().endswith(wanted)


def _date(condition: Filter, now: float) -> Callable[[Any], bool]:
    first, last = _span(condition, dt.datetime.fromtimestamp(now, tz=dt.UTC).date())
    return lambda value: isinstance(value, str) and rules.is_date(value) and first <= _day(value) <= last


def _span(condition: Filter, today: dt.date) -> tuple[dt.date, dt.date]:
    """Return the first and the last day that are meant."""
    day, kind = dt.timedelta(days=1), condition.filter_type
    match kind:
        case "between":
            first, last = map(_day, _pair(condition.filter_value))
            return first, last
        case "on":
            return _day(condition.filter_value), _day(condition.filter_value)
        case "after":
            return _day(condition.filter_value) + day, dt.date.max
        case "before":
            return dt.date.min, _day(condition.filter_value) - day
        case "more_than" | "less_than" | "exactly":
            ago = today - dt.timedelta(days=int(condition.filter_value))
            return {"more_than": (dt.date.min, ago - day), "less_than": (ago + day, today), "exactly": (ago, ago)}[kind]
    which, _, unit = kind.partition("_")
    first, after = _period(today, unit)
    if which == "last":
        first, after = _period(first - day, unit)[0], first
    return first, after - day


def _period(day: dt.date, unit: str) -> tuple[dt.date, dt.date]:
    """Return the first day of the week, month, quarter or year that a day is in, and of the one after it."""
    if unit == "week":
        first = day - dt.timedelta(days=day.weekday())
        return first, first + dt.timedelta(days=7)
    months = {"month": 1, "quarter": 3, "year": 12}[unit]
    month = (day.month - 1) // months * months
    after = month + months
    return dt.date(day.year, month + 1, 1), dt.date(day.year + after // 12, after % 12 + 1, 1)


def _choice(condition: Filter) -> Callable[[Any], bool]:
    given = condition.filter_value
    wanted = set(map(str, given if isinstance(given, list) else [given]))
    if given is None:
        raise TypeError("expected a value, or a list of them")
    match condition.filter_type:
        case "is_none_of" | "is_not_in":
            return lambda value: not wanted & _all(value)
        case "is_all_of":
            return lambda value: wanted <= _all(value)
        case _:
            return lambda value: bool(wanted & _all(value))


def _all(value: Any) -> set[str]:
    if value is None:
        return set()
    return set(map(str, value if isinstance(value, list) else [value]))


def _pair(value: Any) -> tuple[Any, Any]:
    if not isinstance(value, list) or len(value) != 2:
        raise TypeError("expected a list of two")
    return value[0], value[1]


def _day(text: Any) -> dt.date:
    if not isinstance(text, str) or not rules.is_date(text):
        raise ValueError("expected a date in a listed form")
    return dt.date.fromisoformat(text[:10])


def _sorted(entities: list[Entity], sorting: Sorting) -> list[Entity]:
    """Sort by one field; what has nothing there comes last, either way."""
    if sorting.direction not in {"asc", "desc"}:
        raise Refused(400, "sorting.direction: expected asc or desc")
    with_value = [entity for entity in entities if value_of(entity, sorting.field) is not None]
    without = [entity for entity in entities if value_of(entity, sorting.field) is None]
    return sorted(with_value, key=lambda e: _rank(value_of(e, sorting.field)), reverse=sorting.direction == "desc") + (
        without
    )


def _rank(value: Any) -> tuple[int, Any]:
    if isinstance(value, int | float):
        return 0, value
    return 1, str(value).casefold()
