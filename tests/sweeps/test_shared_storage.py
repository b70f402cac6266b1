"""Whether two machines share a folder."""

from pathlib import Path

import pytest

from sweeps.store.shared_storage import meeting


def test_who_shares_the_folder_hears_the_other(tmp_path: Path) -> None:
    place = meeting(str(tmp_path / "runs" / "store"))
    with place.held():
        assert place.answer("node") == ""
        assert place.heard("node")
        assert not place.heard("another")
    assert list(tmp_path.iterdir()) == []


def test_who_does_not_share_it_says_so(tmp_path: Path) -> None:
    here, there = meeting(str(tmp_path / "here")), meeting(str(tmp_path / "there"))
    with here.held():
        assert there.answer("node") == "what the driver writes there is not seen from here"
    assert list(tmp_path.iterdir()) == []


def test_what_was_there_before_stays(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "run.json").write_text("{}")
    with meeting(str(tmp_path / "store")).held():
        pass
    assert [file.name for file in (tmp_path / "store").iterdir()] == ["run.json"]


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(OSError, match="runs"), meeting(str(tmp_path / "runs")).held():
        pass
