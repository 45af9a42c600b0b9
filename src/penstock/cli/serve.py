"""`penstock serve`: run everything on one machine, or one part of it."""

import os
import sys
from pathlib import Path

import click

from penstock.cli import config_option, config_path, leave
from penstock.clock import SystemClock
from penstock.errors import StoreDamaged, ViewRefused
from penstock.machine.private import tighten
from penstock.machine.pulse import ROLES
from penstock.run.hash_seed import hash_seed
from penstock.run.supervise import EXIT_DAMAGED
from penstock.settings import load


@click.command("serve")
@config_option
@click.option("--role", type=click.Choice(ROLES), help="Run one part only.")
@click.option("--supervised", is_flag=True, hidden=True, help="End when standard input closes.")
def serve_command(config: Path | None, role: str | None, *, supervised: bool) -> None:
    """Accept events, keep them, deliver them."""
    path = config_path(config)
    if role is not None:
        from penstock.run.wiring import run_role

        try:
            run_role(role, path=path, supervised=supervised)
        except (StoreDamaged, ViewRefused) as error:
            click.echo(f"penstock: {error}", err=True)
            sys.exit(EXIT_DAMAGED)
        leave(0)

    from penstock.machine.snapshot import Snapshots
    from penstock.run.logs import set_up_logs
    from penstock.run.supervise import supervise

    settings = load(path)
    if settings.admin_password_file:
        from penstock.admin.doors.passwords import password_of_file

        # Before anything is accepted that could not be looked at.
        password_of_file(settings.admin_password_file)

    set_up_logs(level=settings.log_level, style=settings.log_format, role="supervisor")
    tighten(settings.data_dir)
    # All who serve this folder hash alike, so that what accept stored of its filters serves it again after a start.
    os.environ.setdefault("PYTHONHASHSEED", str(hash_seed(settings.data_dir)))
    options = ["--config", str(path)] if path else []
    base = [sys.executable, "-m", "penstock", "serve", *options, "--supervised", "--role"]
    sys.exit(
        supervise(
            [(name, [*base, name]) for name in ROLES], clock=SystemClock(), write=Snapshots(settings.data_dir).write
        )
    )
