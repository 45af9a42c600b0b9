"""A message through Apprise, which knows how Slack, Teams and many others want it.

It connects as it likes, follows redirects, and looks names up itself. So it runs in a short-lived process of its own, in
which every address that anything connects to is judged first: see judged_sockets.py. That process
also keeps its megabytes out of ours.
"""

import asyncio
import os

from penstock.alerts.judged_sockets import judge_connections, proxies_in
from penstock.alerts.words import text_of
from penstock.buffer.port.alerts import Message
from penstock.machine.apart import Apart, Budget, Died, Spent
from penstock.settings import AlertChannel, Settings

# To import it takes a second or two of a slow machine.
CPU_S_MAX = 30.0
ANSWER_CHARS_MAX = 300


async def send_by_service(
    message: Message, channel: AlertChannel, settings: Settings, *, s_max: float
) -> tuple[bool, str]:
    """Return whether the service took a message, and what went wrong. Raises nothing for whatever the network does."""
    apart = Apart(Budget(cpu_s_max=CPU_S_MAX))
    allowed = [*settings.allowed_private_hosts]
    job = apart.job(notify, channel.secret, message.title, text_of(message), allowed, s_max)
    try:
        return await asyncio.to_thread(apart.do_once, job)
    except (Spent, Died) as error:
        return False, f"the process that tells services {error}"[:ANSWER_CHARS_MAX]


def notify(address: str, title: str, text: str, allowed: list[str], s_max: float) -> tuple[bool, str]:
    """Tell a service. Runs in a process that does nothing else, and judges from now on what it connects to."""
    try:
        import apprise
    except ImportError:
        return False, "Apprise is not installed: pip install apprise"
    import logging

    judge_connections([*allowed, *proxies_in(os.environ)])
    said = list[str]()
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("apprise").addHandler(handler)
    asset = apprise.AppriseAsset(app_id="Penstock", app_desc="Penstock", secure_logging=True, async_mode=False)
    service = apprise.Apprise.instantiate(address, asset=asset, suppress_exceptions=True)
    if service is None:
        return False, "this is not an address of a service that Apprise knows"
    service.socket_connect_timeout = service.socket_read_timeout = s_max
    is_taken = bool(service.notify(title=title, body=text, body_format=apprise.NotifyFormat.TEXT))
    if is_taken:
        return True, f"taken by {service.service_name}"
    reason = "; ".join(said).replace(address, "[address]")
    return False, " ".join(reason.split())[:ANSWER_CHARS_MAX] or "it was not taken"
