"""The witness that the settings name. What an engine needs is imported only where it is used."""

from penstock.errors import SettingsError
from penstock.settings.table import Settings
from penstock.witness.port import Witness


async def open_witness(settings: Settings) -> Witness | None:
    """Connect to the engine; None on one machine, which needs none. Raises SettingsError, WitnessUnreachable."""
    match settings.engine:
        case "nats":
            urls = [url.strip() for url in _given("nats_url", settings.nats_url).split(",")]
            try:
                from penstock.witness.jetstream.witness import JetStreamWitness
            except ImportError as error:
                raise _without_extra(settings.engine) from error
            return await JetStreamWitness.open(urls)
        case "postgres":
            url = _given("postgres_url", settings.postgres_url)
            try:
                from penstock.witness.postgres.witness import PostgresWitness
            except ImportError as error:
                raise _without_extra(settings.engine) from error
            return await PostgresWitness.open(url)
        case "sqlite":
            return None


def _given(name: str, url: str) -> str:
    if not url:
        raise SettingsError(
            name, expected="where the servers of the engine are", got="nothing", hint="see docs/settings.md"
        )
    return url


def _without_extra(engine: str) -> SettingsError:
    return SettingsError(
        "engine", expected=f"penstock[{engine}] to be installed", got="penstock alone", hint="pip install it"
    )
