"""`penstock user`: who may sign in to the dashboard; a lost password gets a one-time link."""

import difflib
from pathlib import Path

import click

from penstock.cli import config_option, settings_to_look_with


@click.group("user")
def user_command() -> None:
    """List who may sign in, or let somebody choose a new password."""


@user_command.command("list")
@config_option
def list_command(config: Path | None) -> None:
    """Print the name and the role of everybody, one a line."""
    from penstock.run.opening import open_control

    for user in open_control(settings_to_look_with(config)).users():
        click.echo(f"{user.name}\t{user.role.value}\t{'' if user.password_hash else 'no password chosen yet'}".rstrip())


@user_command.command("reset")
@click.argument("name")
@config_option
def reset_command(name: str, config: Path | None) -> None:
    """Print a one-time link with which NAME chooses a new password.

    The old one, and all sessions, tokens and shared links of NAME, end at once. The link is good for a day.
    """
    from penstock.admin.doors.access import Access
    from penstock.clock import SystemClock
    from penstock.run.opening import open_control

    settings = settings_to_look_with(config)
    control = open_control(settings)
    known = [user.name for user in control.users()]
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise click.BadParameter(
            f"expected one of {', '.join(known) or 'nobody yet'}, got {name}{hint}", param_hint="NAME"
        )
    secret = Access(control, clock=SystemClock()).reset(name, by="")
    control.note("penstock user", f"the password of {name} was reset; all sessions, tokens and links ended")
    click.echo(f"{settings.public_url or f'http://{settings.admin_listen}'}/welcome/{secret}")
