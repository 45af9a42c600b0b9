"""`penstock validate`: are the settings usable?"""

from pathlib import Path

import click

from penstock.admin.doors.passwords import password_of_file
from penstock.cli import config_option, config_path
from penstock.settings import Settings, load
from penstock.settings.source_warnings import warnings_of


@click.command("validate")
@config_option
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def validate_command(config: Path | None, file: Path | None) -> None:
    """Check the settings file and the environment; exit 78 with one sentence when they cannot be used.

    With FILE, such as `penstock export` prints, check that it could be applied beside them.
    """
    path = config_path(config)
    settings = load(path) if file is None else _with(path, file)
    password_of_file(settings.admin_password_file)
    click.echo(
        f"{file or path or 'environment'}: {len(settings.sources)} sources, {len(settings.destinations)} destinations,"
        f" {len(settings.connections)} connections; usable"
    )
    connected = {connection.from_ for connection in settings.connections}
    for name in settings.sources:
        if name not in connected:
            click.echo(
                f"note: source {name} is connected to no destination; its events are kept and go nowhere", err=True
            )
    for name, source in settings.sources.items():
        for warning in warnings_of(source):
            click.echo(f"note: source {name}: {warning}", err=True)


def _with(path: Path | None, file: Path) -> Settings:
    """Return what would be in force if a file were applied; nothing is read from or written to the data folder."""
    from penstock.settings.revisions import document_of

    return load(path, dashboard=document_of(file))
