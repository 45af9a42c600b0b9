"""How the servers write: whether what they confirm is on the disk, or only soon will be.

JetStream's servers sync files every two minutes unless they are told otherwise: what a majority has in memory is confirmed then,
and power that fails for all of them at once takes it away. Their setting is seen where an account may ask for it.
"""

import structlog

from penstock.witness.jetstream.connection import ENGINE, NatsConnection

log = structlog.get_logger()

# A service of the system account, which it may export to ours.
ASK = "$SYS.REQ.SERVER.PING.JSZ"
WITHIN_S = 0.5


async def say_how_they_write(connection: NatsConnection) -> None:
    """Warn of servers that sync lazily, or when none says how it does."""
    answers = await connection.poll(ASK, {"config": True}, within_s=WITHIN_S)
    configs = {each["server"]["name"]: each.get("data", {}).get("config") or {} for each in answers}
    lazy = sorted(name for name, config in configs.items() if config and not config.get("sync_always"))
    if not any(configs.values()):
        log.warning("engine_sync_unknown", engine=ENGINE)
    elif lazy:
        log.warning("engine_sync_lazy", engine=ENGINE, servers=lazy)
