"""`penstock doctor`: is the store whole, and do its figures add up?"""

import sys
from pathlib import Path

import click

from penstock.cli import EXIT_FAILED, config_option, config_path
from penstock.settings import Settings


@click.command("doctor")
@config_option
@click.option(
    "--repair", is_flag=True, help="Repair what can be repaired without losing an event; needs a stopped server."
)
def doctor_command(config: Path | None, *, repair: bool) -> None:
    """Read every page of the store and check that received is waiting plus outcomes; exit 1 when something is wrong.

    With --repair a damaged file is kept beside a new one that has everything that could be read.
    """
    from penstock.buffer.sqlite.connections import VERSION
    from penstock.clock import SystemClock
    from penstock.run import at_rest
    from penstock.run.care import open_doctor
    from penstock.run.in_force import settings_in_force
    from penstock.run.process import stopped

    settings = settings_in_force(config_path(config))
    _tell(f"SQLite {VERSION}")
    _tell(f"{settings.data_dir}: {at_rest.standing(settings)}")
    for sentence in at_rest.notices(settings):
        _tell(sentence)
    if not repair:
        damaged = (doctor := open_doctor(settings, tell=_tell)).damaged()
        findings = damaged or doctor.findings()
        for finding in findings:
            click.echo(f"{finding.file}: {finding.sentence}")
        click.echo(f"{settings.data_dir}: {'something is wrong' if findings else 'everything is as it should be'}")
        sys.exit(EXIT_FAILED if findings else 0)
    with stopped(settings):
        _repair(settings, stamp=f"{SystemClock().now():.0f}")


def _repair(settings: Settings, *, stamp: str) -> None:
    from penstock.buffer.sqlite.doctor.salvage import salvage
    from penstock.run.care import open_doctor

    doctor = open_doctor(settings, tell=_tell)
    for damaged in doctor.damaged():
        click.echo(f"{damaged.file}: {damaged.sentence}")
        saved = salvage(settings.data_dir / damaged.file, stamp=stamp)
        rows = ", ".join(f"{table} {count}" for table, count in saved.rows.items() if count) or "nothing"
        click.echo(f"{damaged.file}: saved {rows}; the damaged file is kept as {saved.kept_as.name}")
    for sentence in doctor.repair():
        click.echo(f"repaired: {sentence}")
    left = doctor.damaged() or doctor.findings()
    for finding in left:
        click.echo(f"left: {finding.file}: {finding.sentence}")
    click.echo(f"{settings.data_dir}: {'not everything could be repaired' if left else 'whole'}")
    sys.exit(EXIT_FAILED if left else 0)


def _tell(sentence: str) -> None:
    """Say on stderr what is looked at: a large store takes its time."""
    click.echo(sentence, err=True)
