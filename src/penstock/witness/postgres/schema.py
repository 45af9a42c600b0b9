"""What the server must be, and that our tables are there: made at the first start, refused when they are of another version."""

import importlib.resources

import structlog

from penstock.errors import SettingsError
from penstock.witness.postgres.connection import VERSION_MIN, PostgresConnection

log = structlog.get_logger()

SCHEMA = 1
# Any number that nothing else locks: two nodes that start at once make the tables one after the other.
ONE_AT_A_TIME = 7_366_501


async def check_server(connection: PostgresConnection) -> None:
    """Refuse a server whose commits are not durable; say loudly when they are on one disk alone."""
    [[version, fsync, standbys]] = await connection.ask(
        "SELECT current_setting('server_version_num')::int, current_setting('fsync'), current_setting('synchronous_standby_names')"
    )
    if version < VERSION_MIN:
        raise SettingsError("postgres_url", expected="PostgreSQL 14 or later", got=version, hint="upgrade the server")
    if fsync != "on":
        raise SettingsError(
            "engine postgres, fsync",
            expected="on",
            got=fsync,
            hint="a commit would be lost with the power: set fsync = on in postgresql.conf, and restart the server",
        )
    if not standbys:
        log.warning("engine_without_standby", engine="postgres")


async def ensure_schema(connection: PostgresConnection) -> None:
    """Make our tables, or see that those that are there are ours."""
    if not await _is_there(connection, "penstock.version"):
        if await _is_there(connection, "penstock.messages"):
            raise _otherwise("tables without a version")
        script = importlib.resources.files("penstock.witness.postgres").joinpath("schema.sql").read_text()
        await connection.run_script(script, lock=ONE_AT_A_TIME, unless="SELECT to_regclass('penstock.version')::text")
    rows = await connection.ask("SELECT number FROM penstock.version")
    if list(rows) != [(SCHEMA,)]:
        raise _otherwise(rows)


async def _is_there(connection: PostgresConnection, table: str) -> bool:
    [[found]] = await connection.ask("SELECT to_regclass(%(table)s)::text", {"table": table})
    return found is not None


def _otherwise(got: object) -> SettingsError:
    hint = "they were made by hand or by another version: use another database, or the version that made them"
    return SettingsError("engine postgres, schema penstock", expected=f"tables of version {SCHEMA}", got=got, hint=hint)
