"""A further kind of destination is a folder of its own and a word in one list, and nothing else of the product changes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "penstock"
# What a person would do with it: set it up in the dashboard, have it in a file, send an event, ask why one was refused.
USED = """
import json, sys
from pathlib import Path
from penstock.admin.pages.destination_form import form_shown
from penstock.admin.pages.web import page_templates
from penstock.destinations.every import convert, package_of
from penstock.destinations.kinds import KINDS, explained
from penstock.destinations.reading import options_of
from penstock.settings import Destination, Settings, load

kind = KINDS["echo"]
settings = load(Path(sys.argv[1]), {})
destination = settings.destinations["second"]
options = options_of(destination, settings)
meaning = convert({"type": "track", "event": "Paid", "userId": "ana", "messageId": "m1"}, options)
form = form_shown(destination, settings)
first = page_templates().from_string('{% from kind.type ~ "/first.html" import first %}{{ first(form, "s", true) }}')
print(json.dumps({
    "title": kind.title,
    "meaning": type(meaning).__name__,
    "package": type(package_of(destination)).__name__,
    "told": explained("echo.refused.422").meaning,
    "asked": first.render(kind=kind, form=form),
    "groups": [group.title for group in form.groups],
}))
"""
SETTINGS = """
[sources.web]
type = "web"
write_key = "0123456789abcdef"
[destinations.second]
type = "echo"
api_key = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
base_url = "https://echo.example.com/in"
[[connections]]
from = "web"
to = "second"
"""


@pytest.fixture
def product(tmp_path):
    """Return a copy of the product to which a kind was added, as its author would."""
    copy = tmp_path / "penstock"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(copy / "destinations" / "webhook", copy / "destinations" / "echo")
    for file in (copy / "destinations" / "echo").glob("*.py"):
        text = file.read_text()
        for ours, theirs in (("destinations.webhook", "destinations.echo"), ('"webhook', '"echo'), ("Webhook", "Echo")):
            text = text.replace(ours, theirs)
        file.write_text(text)
    names = copy / "destinations" / "kinds.py"
    names.write_text(names.read_text().replace('"webhook"]', '"webhook", "echo"]'))
    return tmp_path


def test_a_further_kind_is_set_up_converted_and_explained(product):
    settings = product / "penstock.toml"
    settings.write_text(SETTINGS)
    command = [sys.executable, "-c", USED, str(settings)]
    done = subprocess.run(
        command, check=False, env=os.environ | {"PYTHONPATH": str(product)}, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["title"] == "Echo"
    assert found["package"] == "Echo"
    assert found["meaning"] != "Unmappable"
    assert "refused" in found["told"]
    assert 'name="base_url"' in found["asked"]
    assert found["groups"] == ["Trying it out", "Pace", "Consent"]
