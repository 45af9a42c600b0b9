"""`penstock suppress`, `erase`, `person` and `verify`: a person's events dropped, all of a person erased, shown, and proved."""

import getpass
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from penstock.cli import EXIT_FAILED, config_option, config_path
from penstock.cli.selection import printable
from penstock.clock import sleep
from penstock.errors import BufferUnavailable, SettingsError
from penstock.privacy.requests import PrivacyRequest

WAIT_S = 1.0
GOES_ON = "penstock serve brings it to its end, now or once it runs"


def _who(command: click.decorators.FC) -> click.decorators.FC:
    for option in reversed(
        (
            click.option("--user-id", "user_id", multiple=True, help="A user id."),
            click.option("--anonymous-id", "anonymous_id", multiple=True, help="An anonymous id."),
            click.option("--email", multiple=True, help="An e-mail address."),
            click.option("--company-id", "company_id", multiple=True, help="A company id."),
        )
    ):
        command = option(command)
    return command


def _given(who: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    yield from ((key, text) for key, texts in who.items() for text in texts)


@click.command("suppress")
@config_option
@_who
@click.option("--back", metavar="REQUEST", help="Take a suppression back, by its number.")
def suppress_command(config: Path | None, back: str | None, **who: tuple[str, ...]) -> None:
    """Drop events of a person or a company from the next second on; they are counted, and nothing of them is stored."""
    from penstock.erasing.asking import named
    from penstock.run.in_force import settings_in_force
    from penstock.run.opening import open_asking

    settings = settings_in_force(config_path(config))
    if (back is None) is not any(who.values()):
        raise click.UsageError("give ids of one person or company, or --back REQUEST")
    asking = open_asking(settings)
    if back is not None:
        asking.cancel(back)
        click.echo(f"{back}: events come in again from the next second on", err=True)
        return
    request = asking.suppress(named(_given(who), settings), settings, by=getpass.getuser())
    click.echo(f"{request.number}: events are dropped from the next second on", err=True)


@click.command("erase")
@config_option
@_who
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Show what would go, and end.")
@click.option("--wait", is_flag=True, help="Wait until it is done.")
@click.option("--list", "listing", is_flag=True, help="Show all requests.")
@click.option("--approve", metavar="REQUEST", help="Agree to what another person asked for.")
@click.option("--cancel", metavar="REQUEST", help="Take back what no second person agreed to yet.")
@click.option("--json", "as_json", is_flag=True, help="JSON, for programs.")
def erase_command(
    config: Path | None,
    *,
    yes: bool,
    dry_run: bool,
    wait: bool,
    listing: bool,
    approve: str | None,
    cancel: str | None,
    as_json: bool,
    **who: tuple[str, ...],
) -> None:
    """Erase a person or a company, here and at every destination, and write a receipt. Shows first what would go."""
    from penstock.erasing.writing import request_shown
    from penstock.run.in_force import settings_in_force
    from penstock.run.opening import open_asking

    settings = settings_in_force(config_path(config))
    asking, by = open_asking(settings), getpass.getuser()
    if [bool(any(who.values())), listing, bool(approve), bool(cancel)].count(True) != 1:
        raise click.UsageError("give ids of one person or company, or --list, --approve or --cancel")
    if listing:
        for request in asking.requests.all():
            click.echo(json.dumps(request_shown(request)) if as_json else _line(request))
        return
    if approve or cancel:
        request = asking.approve(approve, by=by) if approve else asking.cancel(cancel or "")
        click.echo(_line(request), err=True)
        return
    _erase(config, who, by=by, yes=yes, dry_run=dry_run, wait=wait, as_json=as_json)


def _erase(
    config: Path | None,
    who: dict[str, tuple[str, ...]],
    *,
    by: str,
    yes: bool,
    dry_run: bool,
    wait: bool,
    as_json: bool,
) -> None:
    from penstock.erasing.asking import named
    from penstock.erasing.showing import preview
    from penstock.run.in_force import settings_in_force
    from penstock.run.opening import open_asking, open_searching

    settings = settings_in_force(config_path(config))
    names = named(_given(who), settings)
    try:
        found = preview(open_searching(settings), names, sorted(settings.destinations))
    except BufferUnavailable as error:
        click.echo(f"penstock: {error}", err=True)
        sys.exit(EXIT_FAILED)
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        for line in found.lines():
            click.echo(printable(line))
    if dry_run:
        return
    if not yes:
        click.confirm("Erase all of this? It does not come back.", abort=True, err=True)
    asking = open_asking(settings)
    request = asking.erase(names, settings, by=by)
    needed = (
        "; a second person has to agree: penstock erase --approve" if request.state == "proposed" else f"; {GOES_ON}"
    )
    click.echo(f"{request.number}: asked for{needed}", err=True)
    while wait and request.is_open:
        sleep(WAIT_S)
        request = asking.requests.find(request.number) or request
    if wait:
        click.echo(str(asking.requests.receipt_of(request.number)))


@click.command("person")
@click.argument("file", metavar="EXPORT", type=click.Path(path_type=Path, allow_dash=True))
@config_option
@_who
def person_command(file: Path, config: Path | None, **who: tuple[str, ...]) -> None:
    """Write everything held about a person to a new file, as JSON; `-` is standard output. Exit 1 when there is nothing."""
    from penstock.clock import SystemClock
    from penstock.erasing.asking import named
    from penstock.erasing.showing import export
    from penstock.run.in_force import settings_in_force
    from penstock.run.opening import open_searching, open_shelf, open_suppressed

    settings = settings_in_force(config_path(config))
    if str(file) != "-" and file.resolve().is_relative_to(settings.data_dir.resolve()):
        # There it would outlive an erasure.
        hint = "who gets it looks after it"
        raise SettingsError("EXPORT", expected="a file outside of the data folder", got=str(file), hint=hint)
    names = named(_given(who), settings)
    held = export(
        open_searching(settings), open_shelf(settings), open_suppressed(settings), names, now=SystemClock().now()
    )
    text = json.dumps(held, indent=2, ensure_ascii=False) + "\n"
    if str(file) == "-":
        click.echo(text, nl=False)
    else:
        with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
    if not any(held["counts"].values()):
        click.echo("nothing is held about them", err=True)
        sys.exit(EXIT_FAILED)


@click.command("verify")
@click.argument("receipt", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@config_option
@click.option(
    "--key", help="The public key that must have signed it; default: that of the data folder, if there is one."
)
def verify_command(receipt: Path, config: Path | None, key: str | None) -> None:
    """Say whether a receipt of an erasure is what was signed. Exit 1 when it is not."""
    from penstock.privacy.receipt import Seal, why_not
    from penstock.settings import data_dir_of

    try:
        document = json.loads(receipt.read_bytes())
    except ValueError:
        document = None
    known = key or Seal(data_dir_of(config_path(config))).public_key()
    if reason := why_not(document, known):
        click.echo(f"{receipt}: not verified: {reason}", err=True)
        sys.exit(EXIT_FAILED)
    whose = (
        "the key of this data folder"
        if known and not key
        else "the given key"
        if key
        else "a key that is not known here"
    )
    click.echo(f"{receipt}: verified: signed with {whose} ({document['public_key']})")


def _line(request: PrivacyRequest) -> str:
    from penstock.erasing.writing import text_of

    problem = f"   {request.problem}" if request.problem else ""
    asked = f"{text_of(request.asked_at)} by {request.asked_by}"
    return printable(f"{request.number}   {request.action}   {request.state}   {asked}{problem}")
