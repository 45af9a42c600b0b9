"""`penstock explain`: where every value of an event went, and where a value at a destination came from."""

import sys
from pathlib import Path
from typing import IO, Literal, NoReturn

import click
import msgspec

from penstock.cli import EXIT_FAILED, config_option, settings_to_look_with
from penstock.cli.destination import destination_of, destinations_of
from penstock.cli.explain_text import account_lines, explanation_lines, history_lines, printable, sent_lines
from penstock.destinations.custify.options import Mapping
from penstock.event import mended
from penstock.explain.budget import within_budget
from penstock.explain.explain import Explanation, explain
from penstock.explain.explain import as_json as explanation_as_json
from penstock.explain.questions import account_as_json, accounts_of, history_as_json, last_set
from penstock.explain.sent import sent_as_json, sent_bodies
from penstock.settings import Settings

HOW_TO_ASK = "give one of: a MESSAGE_ID; --file FILE; --person ID with --field FIELD"
NESTED = click.Choice(["drop", "flatten", "json"])


@click.command("explain")
@click.argument("message_id", required=False)
@click.option(
    "--file", "file", type=click.File("rb"), help="One event as JSON; `-` is standard input. Needs no server."
)
@click.option("--mapping", type=click.Choice(["custify/1", "rudderstack"]), help="With --file. Default: custify/1.")
@click.option(
    "--anonymous-fallback", is_flag=True, help="With --file: fall back to anonymousId if userId is not present."
)
@click.option("--nested", type=NESTED, help="With --file: what becomes of arrays and objects. Default: drop.")
@click.option("--page-views", is_flag=True, help="With --file: send page and screen views as events.")
@click.option("--person", help="Which event last set a field of this person (user id or email)?")
@click.option("--field", help="With --person: the field at the destination, such as plan or signed_up_at.")
@click.option("--newest", default=10_000, show_default=True, help="With --person: look at the newest N events.")
@click.option("--destination", help="Which destination; default: all. With --person needed when there are several.")
@click.option(
    "--from",
    "first",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Of an event with very many values: which one to begin with; each page says where the next begins.",
)
@click.option(
    "--sent", is_flag=True, help="What each attempt for a stored event sent, byte for byte, and what was answered."
)
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def explain_command(
    *,
    message_id: str | None,
    file: IO[bytes] | None,
    person: str | None,
    field: str | None,
    newest: int,
    destination: str | None,
    config: Path | None,
    first: int,
    sent: bool,
    as_json: bool,
    **reading: object,
) -> None:
    """Say of an event where each value went, what was not sent and why, and how the event ended.

    An event is given by its MESSAGE_ID, if the data folder has it, or as a file. The other way round, --person and
    --field name the event that a value at the destination came from.
    """
    ways = [message_id is not None, file is not None, person is not None]
    if sum(ways) != 1 or (person is None) != (field is None):
        raise click.UsageError(HOW_TO_ASK)
    if sent and message_id is None:
        raise click.UsageError("--sent goes with a MESSAGE_ID")
    if file is None and any(reading.values()):
        raise click.UsageError("--mapping, --anonymous-fallback, --nested and --page-views go with --file; a stored"
                               " event is read as its destination's settings say")  # fmt: skip
    if file is not None:
        return _explain_file(file.read(), _mapping(reading), first=first, as_json=as_json)
    settings = settings_to_look_with(config)
    if message_id is not None:
        names = destinations_of(settings, destination)
        if sent:
            return _show_sent(settings, message_id, names, as_json=as_json)
        return _explain_stored(settings, message_id, names, first=first, as_json=as_json)
    name = destination_of(settings, destination)
    return _explain_field(settings, name, person or "", field or "", newest, as_json=as_json)


def _mapping(reading: dict[str, object]) -> Mapping:
    given = {name: value for name, value in reading.items() if value and name != "mapping"}
    name: Literal["custify/1", "rudderstack"] = "rudderstack" if reading["mapping"] == "rudderstack" else "custify/1"
    return Mapping(name=name, **given)  # type: ignore[arg-type]


def _explain_file(body: bytes, mapping: Mapping, *, first: int, as_json: bool) -> None:
    # Read here too, to say at once what is no JSON; as text it may go anywhere, however deep it is nested.
    _decoded(body)
    explanation = within_budget(explained_text, body, mapping, first)
    _show(explanation_as_json(explanation) if as_json else explanation_lines(explanation))


def explained_text(body: bytes, mapping: Mapping, first: int) -> Explanation:
    """Return a page of the explanation of an event that can be read."""
    return explain(_decoded(body), mapping, first=first)


def _decoded(body: bytes) -> object:
    for candidate in (body, mended(body)):
        try:
            return msgspec.json.decode(candidate)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            reason = str(error)
    return _fail(f"the file is not one event as JSON: {reason}")


def _explain_stored(settings: Settings, message_id: str, names: list[str], *, first: int, as_json: bool) -> None:
    from penstock.run.opening import open_shelf

    accounts = accounts_of(open_shelf(settings), settings, message_id, names, first=first)
    if not accounts:
        _fail(f"no event {message_id} in {settings.data_dir} that goes to {' or '.join(names)}")
    if as_json:
        return _show({"destinations": [account_as_json(account) for account in accounts]})
    return _show([line for account in accounts for line in account_lines(account)])


def _show_sent(settings: Settings, message_id: str, names: list[str], *, as_json: bool) -> None:
    from penstock.run.opening import open_shelf

    shelf = open_shelf(settings)
    stories = {name: story for name in names if (story := shelf.story(name, message_id))}
    if not stories:
        _fail(f"no event {message_id} in {settings.data_dir} that goes to {' or '.join(names)}")
    found = {name: sent_bodies(story, name, settings) for name, story in stories.items()}
    if as_json:
        return _show({"sent": [sent_as_json(each, name) for name, bodies in found.items() for each in bodies]})
    lines = [line for name, bodies in found.items() for line in sent_lines(name, stories[name], bodies)]
    return _show(lines)


def _explain_field(settings: Settings, name: str, person: str, field: str, newest: int, *, as_json: bool) -> None:
    from penstock.run.opening import open_shelf

    history = last_set(open_shelf(settings), settings, name, person=person, field=field, look_at=newest)
    _show(history_as_json(history) if as_json else history_lines(history, destination=name, person=person, field=field))
    if history.setter is None:
        sys.exit(EXIT_FAILED)


def _show(what: dict[str, object] | list[str]) -> None:
    click.echo(msgspec.json.encode(what) if isinstance(what, dict) else "\n".join(what))


def _fail(sentence: str) -> NoReturn:
    click.echo(f"penstock: {printable(sentence)}", err=True)
    sys.exit(EXIT_FAILED)
