"""`penstock encrypt`: bring the files of a data folder from the clear to encryption, to another key, or back."""

from pathlib import Path

import click

from penstock.cli import config_option, config_path
from penstock.errors import SettingsError
from penstock.settings import load


@click.command("encrypt")
@config_option
@click.option("--new-key", "new_key", is_flag=True, help="Encrypt an encrypted folder anew, with another key.")
@click.option("--undo", is_flag=True, help="Bring an encrypted folder into the clear.")
def encrypt_command(config: Path | None, *, new_key: bool, undo: bool) -> None:
    """Encrypt all database files of data_dir; needs a stopped server. Interrupted, it goes on when it is run again.

    Each file is written anew beside itself, so the largest one must have room twice. Another secret key needs none of this:
    put it into secret_key_file as the first line, above the present one, and start the server anew.
    """
    from penstock.buffer.sqlite.at_rest import turning
    from penstock.run.at_rest import notices, standing, unlock
    from penstock.run.process import stopped

    if new_key and undo:
        raise click.UsageError("--new-key and --undo do not go together.")
    settings = load(config_path(config))
    if settings.encryption == ("on" if undo else "off"):
        got = settings.encryption
        raise SettingsError("encryption", expected="auto, or what is asked for", got=got, hint="change it first")
    with stopped(settings):
        vault, folder = unlock(settings), settings.data_dir
        if undo:
            turning.decrypt(folder, vault, _tell)
        elif new_key:
            turning.change_key(folder, vault, _tell)
        else:
            turning.encrypt(folder, vault, _tell)
            turning.reseal(folder, vault)
    click.echo(f"{folder}: {standing(settings)}")
    for sentence in notices(settings):
        click.echo(sentence, err=True)


def _tell(sentence: str) -> None:
    click.echo(sentence, err=True)
