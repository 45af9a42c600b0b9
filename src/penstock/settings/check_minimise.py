"""Rules of what is never stored that cannot work, or would make people strangers; and those that do so in part. Pure."""

from collections.abc import Iterator

from penstock.errors import SettingsError
from penstock.minimise.minimiser import Minimiser
from penstock.minimise.paths import KNOWN_BY, RULES_MAX, known_by, needed_by, parsed, reaches
from penstock.settings.source import Source

LISTS = ("never_store", "store_hashed", "store_only")
ROOTS = ("traits", "properties", "context")


def minimiser_of(source: Source, *, key: bytes) -> Minimiser:
    """Return what goes by the rules of a source; `key` is what it hashes with."""
    return Minimiser(
        never_store=source.never_store,
        store_hashed=source.store_hashed,
        store_only=source.store_only,
        ip=source.ip_kept,
        key=key,
    )


def check_minimise(name: str, source: Source) -> Iterator[SettingsError]:
    """Yield what is wrong with the rules of a source."""
    for field in LISTS:
        texts = getattr(source, field)
        if len(texts) > RULES_MAX:
            yield SettingsError(f"{name}.{field}", expected=f"{RULES_MAX} rules at most", got=len(texts))
        for text in texts:
            yield from _check_rule(f"{name}.{field}", text, may_name_all=field == "store_only")


def _check_rule(name: str, text: str, *, may_name_all: bool) -> Iterator[SettingsError]:
    try:
        rule = parsed(text)
    except ValueError as error:
        yield SettingsError(name, expected=str(error), got=text)
        return
    if may_name_all:
        if rule.names[0] not in ROOTS:
            hint = "of everything else in an event nothing is removed by it"
            yield SettingsError(name, expected="traits.…, properties.… or context.…", got=text, hint=hint)
    elif needed := needed_by(rule):
        hint = "name the rest: traits.…, properties.…, context.…; who must not be stored at all is suppressed"
        yield SettingsError(
            name, expected="a rule that leaves what an event needs", got=f"{text} removes {needed}", hint=hint
        )
    elif len(rule.names) == 1 and text not in ROOTS:
        hint = f"for example traits.{text} or properties.{text}, or **.{text} wherever it stands"
        yield SettingsError(name, expected="the place of a trait or property", got=text, hint=hint)


def minimise_warnings(source: Source) -> list[str]:
    """Return by which rules people and companies may not be known any more, as sentences."""
    found = list[str]()
    for field in ("never_store", "store_hashed"):
        for text in getattr(source, field):
            does = "hashes" if field == "store_hashed" else "removes"
            found += [f"{field} {text} {does} {each}" for each in known_by(parsed(text))]
    return found + _unlisted(source)


def _unlisted(source: Source) -> list[str]:
    if not source.store_only:
        return []
    listed = [parsed(text) for text in (*source.store_only, *source.store_hashed)]
    is_spoken_of = [field for field in KNOWN_BY if not field.startswith("context.")]
    return [
        f"store_only does not name {field}: {KNOWN_BY[field]}"
        for field in is_spoken_of
        if not any(reaches(rule, field) for rule in listed)
    ][:1]
