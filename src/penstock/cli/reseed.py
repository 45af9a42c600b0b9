"""`penstock cluster reseed`: the streams of an engine that lost something are made anew of the best view."""

import platform
import sys
from pathlib import Path

import click

from penstock.cli import EXIT_FAILED, EXIT_UNREACHABLE, config_option, config_path
from penstock.errors import BufferUnavailable, MoveRefused, WitnessUnreachable
from penstock.settings import Settings, load


@click.command("reseed")
@config_option
@click.option("--from", "node", metavar="NODE", required=True, help="The node that has most: the one this is run on.")
@click.option("--dry-run", is_flag=True, help="Say how far this node's files have come, and the streams, and end.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def reseed_command(config: Path | None, node: str, *, dry_run: bool, yes: bool) -> None:
    """Make the streams anew of the files of this node, when the engine lost or changed some. Needs all nodes stopped.

    What other nodes have beside that is given up: run --dry-run on each first. Interrupted, it goes on when it is run again.
    """
    from penstock.run import moving
    from penstock.run.process import stopped

    settings = load(config_path(config))
    here = _name_of(settings)
    if node != here:
        raise click.UsageError(f"this is {here}: run it on {node}, whose files are to be taken")
    try:
        for line in moving.reseed_outlook(settings):
            click.echo(line)
        if dry_run:
            return
        if not yes:
            click.confirm(
                "Make the streams anew of these files? What other nodes have beside them goes.", abort=True, err=True
            )
        with stopped(settings):
            moving.reseed(settings, tell=_tell)
    except WitnessUnreachable as error:
        _end(f"{error}; run it once more, it goes on", EXIT_UNREACHABLE)
    except (MoveRefused, BufferUnavailable) as error:
        _end(str(error), EXIT_FAILED)
    click.echo("the streams are made anew: start the nodes, and each takes its files from the snapshots")


def _name_of(settings: Settings) -> str:
    """Return what this node is called: as the settings say, or the machine's name."""
    return settings.node or platform.node()


def _tell(sentence: str) -> None:
    click.echo(sentence, err=True)


def _end(sentence: str, code: int) -> None:
    click.echo(f"penstock: {sentence}", err=True)
    sys.exit(code)
