"""The command line: parse, call wiring, print. Data on stdout, talk on stderr; no decisions here."""

import difflib
import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock import __version__
from penstock.errors import SettingsError, StoreDamaged, TooCostly

if TYPE_CHECKING:
    from penstock.settings import Settings

EXIT_FAILED, EXIT_UNREACHABLE, EXIT_PARTIAL, EXIT_CONFIG = 1, 4, 5, 78

# Command -> the module that has it, imported when asked for: `penstock version` must not load an HTTP server.
COMMANDS = {
    "demo": "penstock.cli.demo",
    "serve": "penstock.cli.serve",
    "sandbox": "penstock.cli.sandbox",
    "probe": "penstock.cli.probe",
    "send": "penstock.cli.send",
    "convert": "penstock.cli.convert",
    "explain": "penstock.cli.explain",
    "validate": "penstock.cli.validate",
    "status": "penstock.cli.status",
    "tail": "penstock.cli.tail",
    "dead": "penstock.cli.dead",
    "replay": "penstock.cli.replay",
    "ledger": "penstock.cli.ledger",
    "backup": "penstock.cli.backup",
    "restore": "penstock.cli.backup",
    "doctor": "penstock.cli.doctor",
    "export": "penstock.cli.apply",
    "plan": "penstock.cli.apply",
    "apply": "penstock.cli.apply",
}


class LateGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of an afternoon with Penstock."""
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module = importlib.import_module(COMMANDS[cmd_name])
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
