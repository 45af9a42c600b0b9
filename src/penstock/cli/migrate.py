"""`penstock migrate`: a data folder from one machine into streams of an engine, from one engine to another, or back."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.cli import EXIT_FAILED, EXIT_UNREACHABLE, config_option, config_path
from penstock.errors import BufferUnavailable, MoveRefused, WitnessUnreachable
from penstock.settings import load

if TYPE_CHECKING:
    from penstock.run.moving import EngineTo

AFTERWARDS = {
    True: 'now write engine = "{to}" into the settings and start the nodes; a node with an empty data folder makes its own files',
    False: 'now write engine = "sqlite" into the settings and start this machine alone; the others have nothing of it any more',
}


@click.command("migrate")
@config_option
@click.option("--to", required=True, type=click.Choice(["nats", "postgres", "sqlite"]), help="Where it all goes.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and end.")
def migrate_command(config: Path | None, to: "EngineTo", *, dry_run: bool) -> None:
    """Move data_dir into the streams of an engine, or back to one machine. Needs a stopped server; all nodes stopped, back.

    Interrupted, it goes on when it is run again; one that was begun is given up with --to sqlite.
    """
    from penstock.run import moving
    from penstock.run.process import stopped

    settings = load(config_path(config))
    try:
        if dry_run:
            for line in moving.outlook(settings, to):
                click.echo(line)
            return
        with stopped(settings):
            moving.migrate(settings, to, tell=_tell)
    except WitnessUnreachable as error:
        _end(f"{error}; run it once more, it goes on", EXIT_UNREACHABLE)
    except (MoveRefused, BufferUnavailable) as error:
        _end(str(error), EXIT_FAILED)
    click.echo(f"{settings.data_dir}: moved")
    _tell(AFTERWARDS[to != "sqlite"].format(to=to))


def _tell(sentence: str) -> None:
    click.echo(sentence, err=True)


def _end(sentence: str, code: int) -> None:
    click.echo(f"penstock: {sentence}", err=True)
    sys.exit(code)
