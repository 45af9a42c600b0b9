"""`penstock backup` and `penstock restore`: a set of copies of one moment, and the proof that it can come back."""

import sys
import tempfile
from pathlib import Path

import click

from penstock.cli import EXIT_FAILED, config_option, config_path
from penstock.errors import BackupRefused, BufferUnavailable, StoreDamaged
from penstock.settings import Settings, load
from penstock.timestamps import from_ms, to_text


@click.command("backup")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@config_option
@click.option(
    "--with-secret-key",
    "with_key",
    is_flag=True,
    help="Also copy the key that seals the destinations' keys and secrets; guard DIR then.",
)
def backup_command(folder: Path, config: Path | None, *, with_key: bool) -> None:
    """Copy events.db, delivery.db and control.db of one moment into DIR, which is made new; the server may run.

    Without --with-secret-key, the keys and secrets entered in the dashboard cannot be read from DIR: keep secret.key elsewhere.
    """
    from penstock.run.care import back_up

    settings = load(config_path(config))
    try:
        manifest = back_up(settings, folder.absolute(), with_key=with_key, tell=_tell)
    except (BackupRefused, BufferUnavailable, StoreDamaged) as error:
        _end(f"{error}; nothing was written")
    size = sum(copied.size_bytes for copied in manifest.files.values())
    click.echo(f"{folder}: {', '.join(manifest.files)}; {size} bytes, events up to {manifest.last_seq}")
    if "encryption.key" in manifest.files:
        click.echo(
            f"it is encrypted: the secret key with the fingerprint {manifest.secret_key} opens it, and no other",
            err=True,
        )
    if manifest.secret_key and not with_key:
        click.echo(
            "secret.key is not in it: keep a copy elsewhere, or the destinations' keys and secrets have to be entered again",
            err=True,
        )


@click.command("restore")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@config_option
@click.option(
    "--prove", is_flag=True, help="Restore into a scratch folder, examine it there, remove it; the server may run."
)
@click.option(
    "--scratch", type=click.Path(path_type=Path), help="Where --prove makes its folder; default: the system's."
)
@click.option("--replace", is_flag=True, help="Move what is in data_dir aside, into a folder beside it.")
@click.option(
    "--suppressed",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The present suppressed.list: who was erased since the backup is erased again.",
)
@click.option("--without-list", "without_list", is_flag=True, help="Restore though the present list is lost.")
def restore_command(
    folder: Path,
    config: Path | None,
    *,
    prove: bool,
    scratch: Path | None,
    replace: bool,
    suppressed: Path | None,
    without_list: bool,
) -> None:
    """Put a set made by penstock backup into data_dir; needs a stopped server. Exit 1 when the set is not whole."""
    settings, folder = load(config_path(config)), folder.absolute()
    try:
        if prove:
            _prove(settings, folder, scratch)
        else:
            _restore(settings, folder, replace=replace, suppressed=suppressed, without_list=without_list)
    except (BackupRefused, BufferUnavailable, StoreDamaged) as error:
        _end(str(error))


def _restore(settings: Settings, folder: Path, *, replace: bool, suppressed: Path | None, without_list: bool) -> None:
    from penstock.run.process import stopped
    from penstock.run.restoring import restore

    with stopped(settings):
        restored, erased = restore(settings, folder, replace=replace, suppressed=suppressed, without_list=without_list)
    manifest = restored.manifest
    click.echo(
        f"{settings.data_dir}: as of {to_text(from_ms(round(manifest.at * 1000)))}, events up to {manifest.last_seq}"
    )
    if restored.aside:
        click.echo(f"what was there is in {restored.aside}", err=True)
    if erased:
        click.echo(f"{erased} events of people who were erased since were erased again", err=True)
    if restored.key_is_missing:
        click.echo(
            "the secret.key that sealed the keys and secrets is not here: bring it back, or enter them again", err=True
        )
    click.echo(
        "what was accepted after that is not in it; what was sent after that is sent again, recognisably", err=True
    )


def _prove(settings: Settings, folder: Path, scratch: Path | None) -> None:
    from penstock.run.care import prove

    with tempfile.TemporaryDirectory(prefix="penstock-prove-", dir=scratch) as there:
        proof = prove(settings, folder, Path(there) / "data", tell=_tell)
    for sentence in proof.wrong:
        click.echo(sentence)
    manifest = proof.manifest
    for name, sums in manifest.destinations.items():
        ended = "   ".join(f"{outcome} {count}" for outcome, count in sums.outcomes.items())
        click.echo(f"{name}: received {sums.received}   waiting {sums.waiting}   {ended}")
    newest = manifest.newest_received_at_ms
    click.echo(
        f"newest event: {manifest.last_seq if newest else 'none'}{f', of {to_text(from_ms(newest))}' if newest else ''}"
    )
    click.echo(f"{folder}: {'cannot be trusted' if proof.wrong else 'comes back whole'}")
    sys.exit(EXIT_FAILED if proof.wrong else 0)


def _tell(sentence: str) -> None:
    click.echo(sentence, err=True)


def _end(sentence: str) -> None:
    click.echo(f"penstock: {sentence}", err=True)
    sys.exit(EXIT_FAILED)
