"""Places that stop being what they were: removed, read-only, without inodes, oddly named."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest

from sweeps import launch as launch_module
from tests.sweeps.test_launch import digests, launch, sample, store_of


@pytest.fixture(scope="module", autouse=True)
def no_report() -> Iterator[None]:
    """Reports have tests of their own and take seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch_module, "bring_report_up_to_date", lambda *_: None)
        yield


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The digests of the study where nothing happens."""
    folder = tmp_path_factory.mktemp("quiet")
    assert launch(sample(folder), folder)[0] == 0
    return digests(sample(folder), folder)


class Once(StringIO):
    """A screen on which a line lets something happen, once."""

    def __init__(self, line: str, event: Callable[[], object]) -> None:
        super().__init__()
        self._line, self._event, self._happened = line, event, False

    def write(self, text: str) -> int:
        if self._line in text and not self._happened:
            self._happened = True
            self._event()
        return super().write(text)


@pytest.mark.parametrize("line", ["search pinn 2/4", "search regression 2/2", "rerun pinn 1/2"])
@pytest.mark.parametrize("what", ["sample", "sample/store"])
def test_a_store_removed_in_the_middle_is_said_and_done_again(
    what: str, line: str, quiet: dict[str, str], tmp_path: Path
) -> None:
    gone = tmp_path / "runs" / what
    code, said = launch(sample(tmp_path), tmp_path, Once(line, lambda: shutil.rmtree(gone)))
    assert code == 1
    missing = len(quiet) - len(digests(sample(tmp_path), tmp_path))
    assert missing > 0
    store = store_of(sample(tmp_path), tmp_path).root
    assert f"{missing} runs that were committed are not in {store} any more" in said
    assert "run the same command again" in said
    assert launch(sample(tmp_path), tmp_path)[0] == 0
    assert digests(sample(tmp_path), tmp_path) == quiet
