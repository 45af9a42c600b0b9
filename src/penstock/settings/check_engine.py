"""Whether several machines can work together as the settings say. Pure."""

import re
from collections.abc import Iterator

from penstock.errors import SettingsError
from penstock.settings.table import Settings

#: By engine: where its servers are named.
URLS = {"nats": "nats_url", "postgres": "postgres_url"}
PASSWORD = re.compile(r"//[^@/]*@")
SCHEMES = {"nats_url": ("nats://", "tls://"), "postgres_url": ("postgresql://", "postgres://")}
NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}|")


def check_engine(settings: Settings) -> Iterator[SettingsError]:
    """Yield what keeps this machine from working with others."""
    for engine, name in URLS.items():
        url = getattr(settings, name)
        if url and not all(
            each.strip().startswith(SCHEMES[name]) for each in url.split(",") if name == "nats_url" or each == url
        ):
            expected = " or ".join(f"{scheme}…" for scheme in SCHEMES[name])
            yield SettingsError(name, expected=expected, got=PASSWORD.sub("//…@", url))
        if settings.engine == engine and not url:
            yield SettingsError(
                name, expected=f"where the servers of {engine} are", got="nothing", hint="see docs/scale.md"
            )
        if settings.engine != engine and url:
            hint = f"engine is {settings.engine}: take the line out, or say engine = {engine!r}"
            yield SettingsError(name, expected="nothing", got=PASSWORD.sub("//…@", url), hint=hint)
    if settings.engine != "sqlite" and not settings.secret_key_file:
        hint = "every node needs the same key: what one of them seals, another one opens"
        yield SettingsError("secret_key_file", expected="a file", got="nothing", hint=hint)
    if not NODE.fullmatch(settings.node):
        yield SettingsError("node", expected="letters, digits, dots, dashes", got=settings.node)
