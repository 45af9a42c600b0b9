"""`penstock validate`: are the settings usable?"""

from pathlib import Path

import click

from penstock.cli import config_option, config_path
from penstock.settings import load


@click.command("validate")
@config_option
def validate_command(config: Path | None) -> None:
    """Check penstock.toml and the environment; exit 78 with one sentence when they cannot be used."""
    path = config_path(config)
    settings = load(path)
    click.echo(
        f"{path or 'environment'}: {len(settings.sources)} sources, {len(settings.destinations)} destinations,"
        f" {len(settings.connections)} connections; usable"
    )
    connected = {connection.from_ for connection in settings.connections}
    for name in settings.sources:
        if name not in connected:
            click.echo(
                f"note: source {name} is connected to no destination; its events are kept and go nowhere", err=True
            )
