"""Is the house in order? Imports, sizes, doors and promises, checked on the source itself."""

import ast
import functools
import io
import os
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

from penstock.destinations.kinds import KINDS

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "penstock"
FILES = sorted(SRC.rglob("*.py"))

VALUES = {
    "event",
    "identity",
    "envelope",
    "errors",
    "timestamps",
    "causes",
    "origin",
    "placeholders",
    "forwarded",
    "signing_secret",
    "json_paths",
}
DOORS_OPEN = {"clock", "timeline", "machine"}
# part -> the other parts of penstock it may know, in the order of an event's way. cli and run know all others, and no other knows them.
MAY_KNOW = {
    **{f"{value}.py": set() for value in (VALUES | {"clock", "repeats"}) - {"event", "identity"}},
    "event.py": {"timestamps", "envelope"},
    "identity.py": {"event", "placeholders"},
    "timeline.py": {"clock"},
    "machine": {"clock", "errors"},
    "minimise": {"event", "forwarded", "placeholders"},  # pure
    "settings": VALUES
    | {"buffer", "machine", "clock", "minimise", "destinations"},  # of destinations what kinds.py says of them
    "buffer": VALUES | {"clock", "timeline", "minimise", "witness"},
    "witness": {"errors", "clock", "settings"},
    "privacy": VALUES | DOORS_OPEN | {"settings"},
    "accept": VALUES | DOORS_OPEN | {"settings", "buffer", "privacy", "minimise"},
    "destinations": VALUES | {"clock", "settings", "minimise"},
    "ledger": VALUES | {"destinations", "settings"},  # pure: not even the clock
    "deliver": VALUES | DOORS_OPEN | {"repeats", "settings", "buffer", "destinations", "ledger"},
    "erasing": VALUES | DOORS_OPEN | {"settings", "buffer", "destinations", "ledger", "privacy", "minimise"},
    "inspect": VALUES | DOORS_OPEN | {"settings", "buffer", "destinations", "ledger", "minimise"},
    "explain": VALUES | DOORS_OPEN | {"settings", "buffer", "destinations", "ledger", "inspect"},
    "alerts": VALUES | DOORS_OPEN | {"settings", "buffer", "destinations", "inspect"},
    "admin": VALUES
    | DOORS_OPEN
    | {
        "settings",
        "buffer",
        "destinations",
        "ledger",
        "inspect",
        "explain",
        "alerts",
        "privacy",
        "erasing",
        "minimise",
    },
    "sandbox": set(),  # a second reading of Custify's manual; it borrows nothing
}
# Outside its own folder, buffer is known by its ports alone; and of the kinds of destinations, what they have in common.
ONLY_PORT = {"accept", "erasing", "settings", "deliver", "inspect", "explain", "alerts", "admin"}
ANY_KIND = {"ledger", "deliver", "accept", "inspect"}
MAY_NAME_A_KIND = {
    "destinations/kinds.py": "the one list",
    # Alerts too can be sent to signed addresses, which is what they are called there as well.
    **dict.fromkeys(
        (
            "admin/templates/alert_channel.html",
            "admin/pages/alerts.py",
            "settings/check_alerts.py",
            "settings/channel.py",
            "settings/forms.py",
            "signing_secret.py",
        ),
        "channels of alerts",
    ),
}
ONLY_IN = {
    "sqlite3": "nowhere",  # the SQLite that Python was built with; see connections.py
    "apsw": "buffer/sqlite",
    "nats": "witness/jetstream/connection",
    "psycopg": "witness/postgres/connection",
    "pyreqwest": "destinations/reqwest",
    "httptools": "destinations/conversation",
    "smtplib": "alerts/mail",
    "apprise": "alerts/service",
    "uvloop": "run/wiring",
    "aiohttp": "nowhere",
}
# Time and chance come through one door. The sandbox is told the time by whoever starts it.
DOORS = {
    "time.time": "clock.py",
    "time.sleep": "clock.py",
    "time.monotonic": "clock.py",
    "datetime.now": "clock.py",
    "datetime.utcnow": "clock.py",
    "random.": "clock.py",
    "uuid.uuid4": "clock.py",
}
FUNCTION_LINES_MAX, FILE_LINES_MAX, TEMPLATE_LINE_CHARS_MAX, PORT_VERBS_MAX = 60, 400, 160, 6


@functools.cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield every module that is imported, wherever in the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_a_part_knows_only_what_comes_before_it() -> None:
    for file in FILES:
        here = file.relative_to(SRC)
        stage = here.parts[0]
        for module in imported(parsed(file)):
            root, *rest = module.split(".")
            if root != "penstock" or not rest or stage not in MAY_KNOW or rest[0] in {stage, "__version__"}:
                continue
            assert rest[0] in MAY_KNOW[stage], f"{here}: {stage} must not know {rest[0]}"
            if rest[0] == "buffer" and stage in ONLY_PORT:
                assert rest[1] == "port", f"{here}: {stage} knows the buffer by its ports alone, not {module}"
            if (stage, rest[0]) == ("buffer", "witness"):
                assert rest[1] == "port", f"{here}: the buffer knows a witness by its port alone, not {module}"
            if rest[0] == "destinations" and stage in ANY_KIND:
                assert rest[1] not in KINDS, f"{here}: {stage} knows no destination by name, not {module}"
            if rest[0] == "destinations" and stage == "settings":
                assert rest[1] == "kinds", f"{here}: settings know kinds of destinations by what they say of themselves"


def test_what_a_kind_of_destination_says_of_itself_knows_no_settings() -> None:
    for kind in KINDS:
        for module in imported(parsed(SRC / "destinations" / kind / "kind.py")):
            own = module.startswith(("penstock.destinations.kind", f"penstock.destinations.{kind}.causes"))
            root, *rest = module.split(".")
            assert root != "penstock" or own or rest[0] in VALUES, f"{kind}: {module}"


def test_a_kind_of_destination_is_named_in_one_list_and_in_its_folder() -> None:
    for file in [*SRC.rglob("*.py"), *SRC.rglob("*.html")]:
        here = file.relative_to(SRC).as_posix()
        if here in MAY_NAME_A_KIND or here.startswith(("destinations/webhook/", "alerts/")):
            continue
        assert not re.search(r"webhook", file.read_text(), re.IGNORECASE), f"{here}: that is for destinations/webhook"


def test_a_library_with_side_effects_is_imported_in_one_place() -> None:
    for file in FILES:
        here = file.relative_to(SRC).as_posix()
        for module in imported(parsed(file)):
            place = ONLY_IN.get(module.split(".")[0])
            assert place is None or here.startswith(place), f"{here}: {module} belongs in {place}"


def test_time_and_chance_come_through_the_door() -> None:
    for file in FILES:
        here = file.relative_to(SRC).as_posix()
        tree = parsed(file)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                for name, door in DOORS.items():
                    if (
                        called == name
                        or called.endswith(f".{name}")
                        or (name.endswith(".") and called.startswith(name))
                    ):
                        assert here == door, f"{here}:{node.lineno}: {called} belongs in {door}"


def test_only_the_command_line_prints() -> None:
    for file in FILES:
        here = file.relative_to(SRC)
        for node in ast.walk(parsed(file)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                assert here.parts[0] == "cli", f"{here}:{node.lineno}: print; log an event instead"


def test_functions_fit_a_screen_and_files_an_evening() -> None:
    for file in FILES:
        text = file.read_text()
        assert text.count("\n") <= FILE_LINES_MAX, f"{file}: more than {FILE_LINES_MAX} lines"
        for node in ast.walk(parsed(file)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                assert lines <= FUNCTION_LINES_MAX, f"{file}:{node.lineno}: {node.name} has {lines} lines"


def test_ports_are_few_verbs_and_every_verb_promises_something() -> None:
    for file in FILES:
        for node in ast.walk(parsed(file)):
            if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "Protocol" for base in node.bases):
                verbs = [f for f in node.body if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef)]
                assert len(verbs) <= PORT_VERBS_MAX, f"{node.name} has {len(verbs)} verbs"
                for verb in verbs:
                    assert ast.get_docstring(verb), f"{node.name}.{verb.name} promises nothing"


def test_nothing_is_silently_swallowed() -> None:
    for file in FILES:
        for node in ast.walk(parsed(file)):
            if isinstance(node, ast.ExceptHandler):
                kind = ast.unparse(node.type) if node.type else "everything"
                silent = len(node.body) == 1 and isinstance(node.body[0], ast.Pass)
                assert not (silent and kind in {"everything", "Exception", "BaseException"}), f"{file}:{node.lineno}"


def test_an_exception_is_made_where_it_is_raised() -> None:
    # One that is raised again and again keeps every place it was raised at, with all that was at hand there.
    for file in FILES:
        for node in ast.walk(parsed(file)):
            if isinstance(node, ast.Raise) and node.exc is not None:
                raised = ast.unparse(node.exc)
                assert not raised.rpartition(".")[2].isupper(), f"{file}:{node.lineno}: raise {raised}.again()"


def test_every_package_opens_with_its_promise() -> None:
    for package in SRC.rglob("__init__.py"):
        docstring = ast.get_docstring(ast.parse(package.read_text())) or ""
        assert len(docstring) > 40, f"{package}: says nothing about what comes in and what goes out"


def types_of(file: Path) -> Iterator[str]:
    """Yield the types that a file names: classes, and other names for types; no variables of types."""
    for node in parsed(file).body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name, is_variable = node.targets[0].id, "TypeVar" in ast.unparse(node.value)
            yield from [name] if name[0].isupper() and not name.isupper() and not is_variable else ()


def test_the_name_of_a_type_stands_in_one_module() -> None:
    places: dict[str, Path] = {}
    # The sandbox reads Custify's manual for itself, in its own words.
    for file in (file for file in FILES if file.relative_to(SRC).parts[0] != "sandbox"):
        for name in types_of(file):
            assert name not in places, f"{name} stands in {places[name]} and in {file}"
            places[name] = file


PYTHON_FILE = re.compile(r"(?<![\w/.*{<-])((?:[a-z_0-9-]+/)*[a-z_0-9]+\.py)\b")


def prose_of(file: Path) -> Iterator[str]:
    """Yield what a file says to people: pages whole, of code the comments and docstrings."""
    if file.suffix == ".md":
        yield file.read_text()
        return
    for token in tokenize.generate_tokens(io.StringIO(file.read_text()).readline):
        if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and token.string.startswith('"""')):
            yield token.string


def test_every_file_that_is_named_exists() -> None:
    code = [*FILES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "bench").rglob("*.py")]
    known = [f"/{file.relative_to(ROOT).as_posix()}" for file in code]
    pages = [page for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")] if page.name != "CHANGELOG.md"]
    for file in [*code, *pages]:
        for prose in prose_of(file):
            for named in PYTHON_FILE.findall(prose):
                assert any(path.endswith(f"/{named}") for path in known), f"{file}: there is no {named}"


def test_every_bench_finds_what_it_measures() -> None:
    names = [file.stem for file in sorted((ROOT / "bench").glob("*.py"))]
    path = os.pathsep.join(str(ROOT / each) for each in ("bench", "tests"))
    imports = [sys.executable, "-c", f"import {', '.join(names)}"]

    done = subprocess.run(imports, env=os.environ | {"PYTHONPATH": path}, capture_output=True, check=False, timeout=60)

    assert done.returncode == 0, done.stderr.decode()


def test_nothing_waits_for_someday() -> None:
    for file in [*FILES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "docs").rglob("*.md")]:
        assert not re.search(r"\b(TODO|FIXME|XXX)\b(?!\|)", file.read_text()) or file == Path(__file__), file


def test_every_page_has_one_title() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
        titles = re.findall(r"^# .+$", text, flags=re.MULTILINE)
        assert len(titles) == 1, f"{page}: {titles}"


def test_architecture_is_short_enough_to_be_read() -> None:
    assert (ROOT / "ARCHITECTURE.md").read_text().count("\n") <= 200


def test_architecture_has_one_line_for_each_folder() -> None:
    rows = re.findall(r"^\| `([\w/]+/)` \|", (ROOT / "ARCHITECTURE.md").read_text(), flags=re.MULTILINE)
    of_code = {file.parent for suffix in ("py", "sql") for file in SRC.rglob(f"*.{suffix}")} - {SRC}
    assert sorted(rows) == sorted(f"{folder.relative_to(SRC)}/" for folder in of_code)


def test_every_decision_fits_a_page() -> None:
    for page in (ROOT / "docs" / "decisions").glob("*.md"):
        assert page.read_text().count("\n") <= 60, page


def test_every_log_event_is_in_the_operators_table() -> None:
    table = (ROOT / "docs" / "operating.md").read_text()
    for file in FILES:
        for name in re.findall(r"\blog\.(?:debug|info|warning|error|exception)\(\s*\"([^\"]+)\"", file.read_text()):
            assert f"`{name}`" in table, f"{file.name}: the log event {name} is not in docs/operating.md"


def test_a_line_of_a_template_can_be_read() -> None:
    for page in SRC.rglob("*.html"):
        for number, line in enumerate(page.read_text().splitlines(), 1):
            assert len(line) <= TEMPLATE_LINE_CHARS_MAX, f"{page}:{number}: {len(line)} letters"


# Custify's paths and fields; `user_id` and `company_id` are Penstock's own words too.
WORDS_OF_CUSTIFY = re.compile(
    r"\bcustom_attributes\b|\bsigned_up_at\b|\bsession_count\b|\bunsubscribed_from_|\bowners_(?:csm|account)\b|\bmonthly_revenue\b"
    r"|\bdeduplication_id\b|[\"'`]/(?:company|event|customer)\b(?!s)|[\"'`]/people(?:\?|/all)"
)
MAY_USE_THEM = {
    "settings/source.py": "trusted traits are named after the fields that they are about",
    "settings/table.py": "policies and trusted traits are named after the fields that they are about",
    "settings/check.py": "an example of such a name",
    "cli/explain.py": "an example of a field for people who ask about one",
    "inspect/masking.py": "a field that holds a message id is shown, in whatever call it stands",
}
# The package itself is known to what explains, previews and examines the mappings.
MAY_KNOW_CUSTIFY = (
    "destinations/every.py",
    "explain/",
    "admin/pages/mapping.py",
    "cli/convert.py",
    "cli/explain.py",
    "cli/probe.py",
)


def test_custifys_words_stand_in_its_folder_alone() -> None:
    own = ("destinations/custify/", "sandbox/")
    for file in FILES:
        here = file.relative_to(SRC).as_posix()
        if here.startswith(own):
            continue
        found = WORDS_OF_CUSTIFY.search(file.read_text())
        assert not found or here in MAY_USE_THEM, f"{here}: {found} belongs in destinations/custify"
        knows = any(module.startswith("penstock.destinations.custify") for module in imported(parsed(file)))
        assert not knows or here.startswith(MAY_KNOW_CUSTIFY), f"{here} knows Custify's package"


def test_every_outcome_has_a_producer() -> None:
    produced = set(re.findall(r"Outcome\.([A-Z_]+)", "".join(f.read_text() for f in (SRC / "deliver").glob("*.py"))))
    [outcome] = [n for n in parsed(SRC / "buffer/port/outcomes.py").body if getattr(n, "name", "") == "Outcome"]
    named = {ast.unparse(node.targets[0]) for node in ast.walk(outcome) if isinstance(node, ast.Assign)}
    assert named <= produced


# What reads a setting only to see whether it can be used, or to write it into a form.
ONLY_LOOKS = {"check.py", "forms.py", "source_warnings.py", "text.py"}


def test_every_setting_has_a_reader() -> None:
    table = SRC / "settings" / "table.py"
    readers = [file for file in FILES if file.parent != table.parent or file.name not in ONLY_LOOKS]
    read = {node.attr for file in readers for node in ast.walk(parsed(file)) if isinstance(node, ast.Attribute)}
    for kind in (node for node in parsed(table).body if isinstance(node, ast.ClassDef)):
        for field in (node for node in kind.body if isinstance(node, ast.AnnAssign)):
            name = ast.unparse(field.target)
            assert name in read, f"{kind.name}.{name} steers nothing"


def test_each_part_of_the_store_is_opened_in_one_place() -> None:
    """A world of tests and a dashboard are the store that runs, and no other parts put together."""
    opened = re.compile(r"\b(Sqlite(?!Store)\w+|DeliveryStore)\(")
    worlds = [ROOT / "tests" / "contract" / "worlds.py", ROOT / "tests" / "dashboard_world.py"]
    for file in [*(file for file in FILES if "sqlite" not in file.parts), *worlds]:
        found = [each for each in opened.findall(file.read_text()) if each != "SqliteWorld"]
        assert not found, f"{file}: {found} are parts of SqliteStore"
