"""Take away what a run made, and see that it is gone. What another made is never touched: each record is looked at first."""

from collections.abc import Awaitable, Callable

from penstock.destinations.custify.probe.asking import Asking, Reaction, Stopped, Unclear
from penstock.destinations.custify.probe.bench import Facts, Workbench
from penstock.destinations.custify.probe.names import COMPANIES, PEOPLE, RunNames

ROUNDS_MAX = 3
# What a call wrote that went unanswered may come to be after it was given up.
LATE_S = 60.0


async def remove(bench: Workbench, asking: Asking) -> list[str]:
    """Remove people, then companies; return what is left, a sentence each. Never raises Unclear or Stopped."""
    b = Workbench(asking, bench.names)
    if bench.asking.unanswered:
        await asking.sleep(LATE_S)
    ids = [*bench.people_made]
    left = [sentence for name, id_ in ids if (sentence := await _person(b, name, id_))]
    return left + [sentence for id_ in bench.companies_made if (sentence := await _company(b, id_))]


def all_of(names: RunNames, asking: Asking) -> Workbench:
    """Return a bench on which everything lies that a run may have made."""
    bench = Workbench(asking, names)
    by_id = [("user_id", names.user(label)) for label in PEOPLE] + [("user_id", str(names.number))]
    by_email = [("email", names.email(label)) for label in PEOPLE]
    bench.people_made = dict.fromkeys(by_id + by_email)
    bench.companies_made = dict.fromkeys([*map(names.company, COMPANIES), str(names.number)])
    return bench


async def _person(b: Workbench, name: str, id_: str) -> str:
    async def find() -> list[Facts]:
        return await (b.people(user_id=id_) if name == "user_id" else b.people(email=id_))

    return await _gone(b, "/people", name, id_, find)


async def _company(b: Workbench, id_: str) -> str:
    return await _gone(b, "/company", "company_id", id_, lambda: b.companies(id_))


async def _gone(b: Workbench, path: str, name: str, id_: str, find: Callable[[], Awaitable[list[Facts]]]) -> str:
    """Delete the people that are found until none is; return what is left, empty for nothing."""
    try:
        for _ in range(ROUNDS_MAX):
            if not (found := await find()):
                return ""
            if not all(map(b.names.owns_record, found)):
                return f"{name} {id_} finds what this run did not make; it was left alone"
            for record in found:
                await _delete(b, path, record, name, id_)
    except (Unclear, Stopped) as error:
        return f"{name} {id_} may still be there: {error}"
    return f"{name} {id_} is still there"


async def _delete(b: Workbench, path: str, record: Facts, name: str, id_: str) -> Reaction:
    """Delete by Custify's own id; where that is not offered, by ours."""
    reply = await b.asking.ask("DELETE", f"{path}/{record['id']}")
    if reply.ok or name == "email":
        return reply
    return await b.asking.ask("DELETE", f"{path}?{name}={id_}")
