"""The command line: parse, call wiring, print. Data on stdout, talk on stderr; no decisions here."""

import difflib
import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from penstock import __version__
from penstock.errors import SettingsError, StoreDamaged, TooCostly

if TYPE_CHECKING:
    from penstock.settings import Settings

EXIT_FAILED, EXIT_UNREACHABLE, EXIT_PARTIAL, EXIT_CONFIG = 1, 4, 5, 78

# Command -> the module that has it, imported when asked for, and what `penstock --help` says of it: neither that nor
# `penstock version` must load an HTTP server.
COMMANDS = {
    "demo": ("demo", "Start everything with a Custify sandbox and send sample traffic."),
    "serve": ("serve", "Accept events, keep them, deliver them."),
    "sandbox": ("sandbox", "Run a local Custify, to try things with."),
    "probe": ("probe", "Ask a test workspace where Custify is otherwise than assumed."),
    "send": ("send", "Send events as an SDK would, one or a file of JSON lines."),
    "convert": ("convert", "Print what events would be to Custify."),
    "explain": ("explain", "Say where each value of an event went, and why."),
    "validate": ("validate", "Check the settings; with a file, whether it could be applied."),
    "status": ("status", "Show how many events were accepted, delivered and wait."),
    "tail": ("tail", "Show the newest events and how they stand."),
    "dead": ("dead", "Show dead and rejected events by cause, with advice."),
    "replay": ("replay", "Send dead and rejected events again, counts first."),
    "ledger": ("ledger", "Show what a destination acknowledged, or forget it."),
    "suppress": ("erase", "Drop events of a person or a company from now on."),
    "erase": ("erase", "Erase a person or a company everywhere, with a receipt."),
    "person": ("erase", "Write all that is held about a person to a file."),
    "verify": ("erase", "Say whether the receipt of an erasure is genuine."),
    "user": ("user", "List who may sign in; reset a password with a one-time link."),
    "backup": ("backup", "Copy the store of one moment, while it is used."),
    "restore": ("backup", "Put a backup in place, or prove that it could be."),
    "encrypt": ("encrypt", "Encrypt the files of the store, change their key, or undo it."),
    "migrate": ("migrate", "Move the store to several machines, or back to one."),
    "cluster": ("cluster", "Look after the nodes and the streams of a cluster."),
    "doctor": ("doctor", "Check the store and its figures; save what can be saved."),
    "export": ("apply", "Print what was set up in the dashboard as TOML."),
    "plan": ("apply", "Show what `apply FILE` would change."),
    "apply": ("apply", "Put the sources and destinations of a file in force."),
}


def leave(code: int) -> NoReturn:
    """End this process once all is said.

    granian's and reqwest's threads may still call into Python while the interpreter is taken down, and would abort the
    process; so it is left without being taken down.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class LateGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of an afternoon with Penstock."""
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module = importlib.import_module(f"penstock.cli.{COMMANDS[cmd_name][0]}")
        command = getattr(module, f"{cmd_name}_command")
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is meant, or say which may have been."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            close = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            if not close:
                raise
            raise click.UsageError(f"{error.message} Did you mean {close[0]}?", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each command is for, and import none."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._sentence(name)) for name in self.list_commands(ctx)])

    def _sentence(self, name: str) -> str:
        return COMMANDS[name][1] if name in COMMANDS else self.commands[name].get_short_help_str()


@click.group(cls=LateGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(version)s")
def penstock() -> None:
    """Customer events from your SDKs to Custify, in order, none lost."""


@penstock.command("version")
def version_command() -> None:
    """Print the version."""
    click.echo(__version__)


def config_option(command: click.decorators.FC) -> click.decorators.FC:
    """Add --config."""
    return click.option(
        "--config",
        "config",
        type=click.Path(path_type=Path),
        envvar="PENSTOCK_CONFIG",
        help="Settings file; default: ./penstock.toml if it is there.",
    )(command)


def config_path(given: Path | None) -> Path | None:
    """Return the settings file in force."""
    default = Path("penstock.toml")
    return given or (default if default.exists() else None)


def complain(error: SettingsError) -> None:
    """Say what is wrong with settings: one sentence for each mistake."""
    for mistake in (error, *error.others):
        click.echo(f"penstock: {mistake}", err=True)


def settings_to_look_with(config: Path | None) -> "Settings":
    """Return the settings in force; while they cannot be used, say so, and return what a server had in force last."""
    from penstock.run import in_force

    settings, error = in_force.settings_to_look_with(config_path(config))
    if error is not None:
        complain(error)
        click.echo("penstock: what follows was found with the settings that a server had in force last", err=True)
    return settings


def main() -> None:
    """Run; settings that cannot be used end with 78 and a sentence for each mistake."""
    # Whatever the shell says: files that this process and its children make are for their user alone.
    os.umask(0o077)
    try:
        penstock(standalone_mode=True)
    except SettingsError as error:
        complain(error)
        sys.exit(EXIT_CONFIG)
    except (StoreDamaged, TooCostly) as error:
        click.echo(f"penstock: {error}", err=True)
        sys.exit(EXIT_FAILED)
