"""`penstock cluster`: what is done about the nodes and the streams of a cluster."""

import sys
from pathlib import Path
from typing import NoReturn

import click
import msgspec

from penstock.cli import EXIT_FAILED, EXIT_UNREACHABLE, config_option, config_path
from penstock.cli.reseed import reseed_command
from penstock.cli.selection import printable
from penstock.errors import PenstockError, WitnessUnreachable
from penstock.settings import load


@click.group("cluster")
def cluster_command() -> None:
    """Look after the nodes and the streams of a cluster."""


cluster_command.add_command(reseed_command)


@cluster_command.command("status")
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def status_command(config: Path | None, *, as_json: bool) -> None:
    """Show all nodes, who owns the destinations, and how far the files of each node have come."""
    from penstock.inspect.cluster import sentences
    from penstock.run.nodes import cluster_status

    try:
        found = cluster_status(load(config_path(config)))
    except PenstockError as error:
        _end(error)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    for line in sentences(found):
        click.echo(printable(line))


@cluster_command.command("handover")
@config_option
@click.option(
    "--to",
    metavar="NODE",
    default="",
    help="Who is to own the destinations; if it is not said, any other node that delivers.",
)
def handover_command(config: Path | None, to: str) -> None:
    """Let another node own the destinations, at once and without a repeated call."""
    from penstock.run.nodes import hand_over

    try:
        before, after, took_s = hand_over(load(config_path(config)), to)
    except PenstockError as error:
        _end(error)
    if before == after:
        click.echo(printable(f"{after} owns the destinations already"))
        return
    left = f"{before} let go, and " if before else ""
    click.echo(printable(f"{left}{after} owns the destinations since {took_s:.1f} s after it was asked"))


def _end(error: PenstockError) -> NoReturn:
    click.echo(f"penstock: {error}", err=True)
    sys.exit(EXIT_UNREACHABLE if isinstance(error, WitnessUnreachable) else EXIT_FAILED)
