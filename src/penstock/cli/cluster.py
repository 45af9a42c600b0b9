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
    """Show which nodes run, who owns the destinations, and how far the files of this node have come."""
    from penstock.run.nodes import cluster_status

    try:
        found = cluster_status(load(config_path(config)))
    except PenstockError as error:
        _end(error)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    click.echo(printable(f"owner: {found.owner or 'nobody'}"))
    for name in found.nodes:
        click.echo(printable(f"node {name}{' (this one)' if name == found.node else ''} runs"))
    for view in found.views:
        state = "up to date" if view.here >= view.last else f"at {view.here} of {view.last}"
        click.echo(f"{view.file}: {state}")


@cluster_command.command("handover")
@config_option
@click.option("--to", metavar="NODE", required=True, help="Who is to own the destinations.")
def handover_command(config: Path | None, to: str) -> None:
    """Let another node own the destinations, at once and without a repeated call."""
    from penstock.run.nodes import hand_over

    try:
        took_s = hand_over(load(config_path(config)), to)
    except PenstockError as error:
        _end(error)
    click.echo(printable(f"{to} owns the destinations since {took_s:.1f} s after it was asked"))


def _end(error: PenstockError) -> NoReturn:
    click.echo(f"penstock: {error}", err=True)
    sys.exit(EXIT_UNREACHABLE if isinstance(error, WitnessUnreachable) else EXIT_FAILED)
