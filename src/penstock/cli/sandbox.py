"""`penstock sandbox`: a Custify on this machine."""

from pathlib import Path

import click

from penstock.cli import config_option, config_path
from penstock.errors import SettingsError
from penstock.settings import host_and_port, load


@click.command("sandbox")
@config_option
@click.option("--data", type=click.Path(path_type=Path), help="Keep the state in this file.")
@click.option("--api-key", "api_keys", multiple=True, help="Accept this key only; may be repeated. Default: any key.")
@click.option("--allow-host", "hosts", multiple=True, help="A name with dots that clients may use; may be repeated.")
def sandbox_command(config: Path | None, data: Path | None, api_keys: tuple[str, ...], hosts: tuple[str, ...]) -> None:
    """Run a local Custify that behaves like Custify, to try things with."""
    from penstock.sandbox.journal import JournalError
    from penstock.sandbox.serve import serve

    host, port = host_and_port("sandbox_listen", load(config_path(config)).sandbox_listen)
    click.echo(f"Custify sandbox on http://{host}:{port}", err=True)
    try:
        serve(host=host, port=port, data=data, api_keys=frozenset(api_keys) or None, hosts=hosts)
    except (OSError, JournalError) as error:
        raise SettingsError("sandbox", expected="a free port and a usable data file", got=str(error)) from error
