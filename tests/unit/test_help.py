"""`penstock --help` is asked for often, and by machines that are slow: it says what there is, and loads none of it.

And what a process loads is most of what its start takes: each of those that serve loads what is its own.
"""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from penstock.cli import COMMANDS, penstock

# Of an eighty columns' line, what is left beside the longest name.
SENTENCE_CHARS_MAX = 67
OWN = (
    "import json, sys; from penstock.cli import main\ntry: main()\nexcept SystemExit: print(json.dumps([*sys.modules]))"
)


def test_help_names_every_command_with_a_whole_sentence():
    said = CliRunner().invoke(penstock, ["--help"]).output.splitlines()

    for name, (_, sentence) in COMMANDS.items():
        assert f"  {name:<8}  {sentence}" in said
        assert sentence.endswith(".")
        assert len(sentence) <= SENTENCE_CHARS_MAX


def test_every_command_that_help_names_is_there():
    for name in COMMANDS:
        assert CliRunner().invoke(penstock, [name, "--help"]).exit_code == 0


def test_help_loads_neither_a_server_nor_any_command():
    done = subprocess.run([sys.executable, "-c", OWN, "--help"], capture_output=True, check=True, timeout=60)
    loaded = json.loads(done.stdout.splitlines()[-1])

    ours = {name for name in loaded if name.startswith("penstock")}
    assert ours == {"penstock", "penstock.cli", "penstock.errors"}
    assert not {"asyncio", "granian", "structlog", "msgspec", "cryptography"} & set(loaded)


WATCHES = "penstock.cli.serve, penstock.machine.snapshot, penstock.run.logs, penstock.run.supervise"
ACCEPTS = (
    "penstock.cli.serve, penstock.run.wiring, penstock.accept.app, penstock.accept.sources, penstock.machine.listening,"
    " penstock.buffer.sqlite.log.log"
)
DELIVERS = "penstock.cli.serve, penstock.run.wiring, penstock.deliver.fleet, penstock.buffer.sqlite.delivery.delivery"
PAGES = {"starlette", "jinja2", "argon2", "prometheus_client", "penstock.inspect", "penstock.admin", "penstock.explain"}
SEALING = {"cryptography"}


@pytest.mark.parametrize(
    ("parts", "not_its_own"),
    [
        (
            WATCHES,
            PAGES | SEALING | {"apsw", "granian", "uvloop", "penstock.buffer", "penstock.accept", "penstock.deliver"},
        ),
        (
            ACCEPTS,
            PAGES
            | SEALING
            | {
                "pyreqwest",
                "rapidfuzz",
                "penstock.destinations.every",
                "penstock.destinations.port",
                "penstock.deliver",
            },
        ),
        (DELIVERS, PAGES | {"granian", "penstock.accept"}),
    ],
    ids=["the one that watches", "accept", "deliver"],
)
def test_each_process_loads_what_is_its_own(parts, not_its_own):
    code = f"import json, sys, {parts}\nprint(json.dumps([*sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60)
    loaded = json.loads(done.stdout)

    assert not_its_own & {name for full in loaded for name in (full, full.partition(".")[0])} == set()
