"""`penstock ledger`: what the destination is known to hold of a person or company, and how to make everything be sent again."""

import getpass
from pathlib import Path

import click
import msgspec

from penstock.cli import config_option, config_path
from penstock.cli.destination import destination_of, destination_option
from penstock.cli.selection import printable
from penstock.inspect.ledger import HeldRecord, held, subject_of, suspicions

NAME_ONE = "give one of --person, --email, --company"


@click.group("ledger")
def ledger_command() -> None:
    """Show what a destination acknowledged, or forget it."""


def _who(command: click.decorators.FC) -> click.decorators.FC:
    for option in reversed(
        (
            destination_option,
            click.option("--person", help="A user id."),
            click.option("--email", help="An e-mail address."),
            click.option("--company", help="A company id."),
        )
    ):
        command = option(command)
    return command


@ledger_command.command("show")
@config_option
@_who
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def show_command(config: Path | None, destination: str | None, *, as_json: bool, **who: str | None) -> None:
    """Show what a destination is known to hold of a person or a company."""
    from penstock.run.in_force import settings_in_force
    from penstock.run.opening import open_ledger_shelf

    settings, subject = settings_in_force(config_path(config)), _subject(who)
    if subject is None:
        raise click.UsageError(NAME_ONE)
    name = destination_of(settings, destination)
    record = held(open_ledger_shelf(settings), name, subject)
    if as_json:
        click.echo(msgspec.json.encode(record))
        return
    for line in _lines(subject, record):
        click.echo(printable(line))


@ledger_command.command("forget")
@config_option
@_who
@click.option("--all", "everything", is_flag=True, help="Everybody and every company.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget_command(
    config: Path | None, destination: str | None, *, everything: bool, yes: bool, **who: str | None
) -> None:
    """Forget what a destination acknowledged, so that the next upserts are sent in full. No event is touched."""
    from penstock.run.in_force import settings_in_force
    from penstock.run.opening import open_ledger_orders

    settings, subject = settings_in_force(config_path(config)), _subject(who)
    if (subject is None) is not everything:
        raise click.UsageError(f"{NAME_ONE}, or --all")
    name = destination_of(settings, destination)
    if everything and not yes:
        click.confirm(
            f"Forget all that {name} is known to hold? Every next upsert is sent again.", abort=True, err=True
        )
    number = open_ledger_orders(settings).ask_forget(name, subject or "", by=getpass.getuser())
    click.echo(f"order {number}: deliver follows it within a second, or when it is started", err=True)


@ledger_command.command("attributes")
@config_option
@destination_option
@click.option("--approve", metavar="ATTRIBUTE", help="Let one through that is held, such as people.planName.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
def attributes_command(config: Path | None, destination: str | None, approve: str | None, *, as_json: bool) -> None:
    """Show new attributes that look like mistakes: near repeats, other types, dates as text."""
    from penstock.run.in_force import settings_in_force
    from penstock.run.opening import open_ledger_orders, open_ledger_shelf

    settings = settings_in_force(config_path(config))
    name = destination_of(settings, destination)
    found = suspicions(open_ledger_shelf(settings), name)
    if approve is not None:
        if approve not in {each.attribute for each in found}:
            raise click.BadParameter(f"nothing was said of {approve}", param_hint="--approve")
        open_ledger_orders(settings).approve(name, approve, by=getpass.getuser())
        return
    for each in found:
        text = f"{each.attribute} ({each.type}): {each.why}; {each.message_id}"
        click.echo(msgspec.json.encode(each) if as_json else printable(text))


def _subject(who: dict[str, str | None]) -> str | None:
    if sum(value is not None for value in who.values()) > 1:
        raise click.UsageError(NAME_ONE)
    return subject_of(who) or None


def _lines(subject: str, record: HeldRecord | None) -> list[str]:
    if record is None:
        return [f"nothing is known of {subject}"]
    if record.user_id:
        return [f"{subject} belongs to user:{record.user_id}"]
    companies = [f"  company {company}: {state}" for company, state in record.companies.items()]
    return [
        f"{subject}, sent in full {record.asserted_at}",
        *(f"  {k} = {v!r}" for k, v in record.fields.items()),
        *companies,
    ]
