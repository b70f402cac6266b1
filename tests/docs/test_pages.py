"""What finds the files, the commands and the outputs of a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import Page, unsaid

PAGE = """# A page

<!-- file: words.txt -->

```text
two words
```

<!-- run -->

```sh
wc -w words.txt
echo run 3f0a4f9612 took 1.5 s, loss 2.5e-03, and all the rest
```

<!-- output -->

```text
7 words.txt
run 0123456789 took 12 s, loss 1e-3, and all …
```

```sh
pinn-sweep run a.yaml \\
  search.runs=3   # not tried here
```
"""


@pytest.fixture
def page(tmp_path: Path) -> Page:
    file = tmp_path / "page.md"
    file.write_text(PAGE)
    return Page(file)


def test_a_page_is_followed(page: Page, tmp_path: Path) -> None:
    page.follow(tmp_path)
    assert (tmp_path / "words.txt").read_text() == "two words\n"
    assert list(page.commands) == [["run", "a.yaml", "search.runs=3"]]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("wc -w", "false; wc -w", "ended with 1"),
        ("7 words.txt", "7 lines.txt", "shows .'7 lines.txt'"),
        ("echo run", "true", "shows .'run 0123456789"),
    ],
)
def test_a_page_that_is_wrong_is_found(
    old: str, new: str, said: str, page: Page, tmp_path: Path
) -> None:
    page.path.write_text(PAGE.replace(old, new))
    with pytest.raises(AssertionError, match=said):
        page.follow(tmp_path)


def test_numbers_and_widths_may_differ_but_not_words() -> None:
    said = "plateau lasts   233 ± 22 steps\n"
    assert not list(unsaid("plateau lasts 9 ± 1 steps\n… lasts …\n", said))
    assert list(unsaid("plateau begins 9 ± 1 steps\n", said))
