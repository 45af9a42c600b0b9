"""Pages made from the code are as the code would make them now."""

import pytest

from tidy import generate_docs


@pytest.mark.parametrize("name", generate_docs.PAGES)
def test_the_page_is_up_to_date(name: str) -> None:
    written = (generate_docs.DOCS / name).read_text(encoding="utf-8")

    assert written == generate_docs.PAGES[name](), f"docs/{name} is out of date; run: make docs"
