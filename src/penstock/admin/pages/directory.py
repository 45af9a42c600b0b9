"""People, and accounts: two lists with what is known of each, and what came of their events. No payloads here."""

import dataclasses
from collections.abc import Sequence

from starlette.responses import Response

from penstock.admin.pages.rows import ACCOUNTS, PEOPLE, account_address, destination_of, person_address
from penstock.admin.pages.web import Visit
from penstock.buffer.port.search import FOLLOWED_MAX, HITS_MAX, ListedPage, ListedSubject, Listing, Search
from penstock.inspect.eyes import Eyes
from penstock.inspect.masking import Mask
from penstock.inspect.parts import WORD_CHARS, cut
from penstock.inspect.sensitive import MASK
from penstock.inspect.status import StatusReader

PAGE, TEXT_CHARS_MAX, DIGITS_MAX = 25, 200, 18
# A sparkline: a bar a day, so wide and so high.
BAR_WIDTH, HEIGHT = 5, 18


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SparkBar:
    """One day of a sparkline."""

    x: int
    y: float
    height: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ListedRow:
    """A person or an account in a list, as the viewer may see it."""

    subject: ListedSubject
    id: str
    name: str
    email: str
    #: Each as it is shown, and the address of its page.
    companies: Sequence[tuple[str, str]]
    href: str
    bars: Sequence[SparkBar]
    #: What the sparkline says, in words.
    said: str


def listing_of(visit: Visit, *, accounts: bool) -> Listing:
    """Return which list is asked for."""
    given = visit.request.query_params
    place = given.get("place", "")
    return Listing(
        accounts=accounts,
        # Who may not see ids and names would find them out letter by letter.
        text=given.get("q", "").strip()[:TEXT_CHARS_MAX] if _may_search(visit.eyes, accounts=accounts) else "",
        by_name=given.get("sort") == "name",
        place=int(place) if place.isascii() and place.isdigit() and len(place) < DIGITS_MAX else 0,
    )


def list_page(visit: Visit, search: Search, reader: StatusReader, *, accounts: bool) -> Response:
    """Show people, or accounts."""
    destination, listing = destination_of(visit, reader.settings), listing_of(visit, accounts=accounts)
    page = ListedPage(subjects=(), next_place=None)
    if destination:
        sources = set(reader.settings.sources_of(destination))
        page = search.listed(destination, sources, listing, now=reader.clock.now(), limit=PAGE)
    address = visit.request.url.include_query_params(place=page.next_place)
    return visit.page(
        "directory.html",
        listing=listing,
        rows=[_row(each, destination, visit.eyes, accounts=accounts) for each in page.subjects],
        is_cut=page.is_cut,
        hits_max=HITS_MAX,
        followed_max=FOLLOWED_MAX,
        has_larger=any(each.more_people for each in page.subjects),
        more=f"{address.path}?{address.query}" if page.next_place is not None else "",
        destination=destination,
        destinations=list(reader.settings.destinations),
        title="Accounts" if accounts else "People",
        base=ACCOUNTS if accounts else PEOPLE,
        may_search=_may_search(visit.eyes, accounts=accounts),
    )


def _may_search(eyes: Eyes, *, accounts: bool) -> bool:
    return accounts or (eyes.personal and eyes.ids)


def _row(subject: ListedSubject, destination: str, eyes: Eyes, *, accounts: bool) -> ListedRow:
    mask = Mask(eyes.rules, [{"name": subject.name, "email": subject.email}])
    name = subject.name if accounts else mask.value(subject.name, "name")
    shown = eyes.company(subject.id) if accounts else eyes.person(subject.id)
    days = sum(subject.days)
    return ListedRow(
        subject=subject,
        id=cut(shown, WORD_CHARS),
        # A company's name names no person.
        name="" if name == MASK else cut(name, WORD_CHARS),
        email=cut(mask.value(subject.email, "email"), WORD_CHARS),
        companies=[
            (cut(eyes.company(each), WORD_CHARS), account_address(destination, eyes.company_link(each)))
            for each in subject.companies[:3]
        ],
        href=account_address(destination, eyes.company_link(subject.id))
        if accounts
        else person_address(destination, eyes.person_link(subject.id)),
        bars=_bars(subject.days),
        said=f"{days} events in the last {len(subject.days)} days, {subject.days[-1] if subject.days else 0} of them today",
    )


def _bars(days: Sequence[int]) -> list[SparkBar]:
    top = max(days, default=0) or 1
    heights = [round(HEIGHT * count / top, 1) for count in days]
    return [SparkBar(x=at * BAR_WIDTH, y=HEIGHT - height, height=height) for at, height in enumerate(heights)]
