"""Pages made from the code are as the code would make them now."""

import importlib.util
from pathlib import Path

import pytest

HERE = Path(__file__).parent
spec = importlib.util.spec_from_file_location("generate_docs", HERE / "generate_docs.py")
assert spec is not None
assert spec.loader is not None
generate_docs = importlib.util.module_from_spec(spec)
spec.loader.exec_module(generate_docs)


@pytest.mark.parametrize("name", generate_docs.PAGES)
def test_the_page_is_up_to_date(name: str) -> None:
    written = (generate_docs.DOCS / name).read_text(encoding="utf-8")

    assert written == generate_docs.PAGES[name](), f"docs/{name} is out of date; run: make docs"
