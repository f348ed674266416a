"""Files are whole or not there: a failure leaves the old file as it was and nothing beside it."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from irtbridge.data.files import read_json, write_atomic, write_json, write_text
from irtbridge.errors import ResultsError


def full_disk(path: Path) -> None:
    """Write half, then run out of space."""
    path.write_bytes(b"half of it")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# What is written


def test_text_is_written_whole_into_a_folder_that_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.txt"
    assert write_text(path, "Größe\n") == path
    assert path.read_bytes() == "Größe\n".encode()
    assert names(path.parent) == ["a.txt"]


def test_a_file_is_replaced(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a.txt", "old and longer")
    write_text(path, "new")
    assert path.read_text() == "new"


def test_the_writer_sees_a_temporary_file_with_the_same_ending(tmp_path: Path) -> None:
    seen = []
    write_atomic(tmp_path / "a.nc", lambda path: seen.append(path) or path.write_text("x"))  # type: ignore[func-returns-value]
    assert seen[0].parent == tmp_path
    assert seen[0].suffix == ".nc"
    assert seen[0].name != "a.nc"


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a.txt", "old")
    seen = []
    write_atomic(path, lambda target: (target.write_text("new"), seen.append(path.read_text())))
    assert seen == ["old"]
    assert path.read_text() == "new"


def test_a_file_has_the_rights_that_the_umask_gives(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        path = write_text(tmp_path / "a.txt", "x")
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_json_keeps_its_order_and_writes_null_for_what_json_lacks(tmp_path: Path) -> None:
    data = {"b": float("nan"), "a": [float("inf"), -float("inf"), 1.5], "c": {"d": (1, None)}}
    path = write_json(tmp_path / "a.json", data)
    again = read_json(path)
    assert again == {"b": None, "a": [None, None, 1.5], "c": {"d": [1, None]}}
    assert list(again) == ["b", "a", "c"]
    assert path.read_text().endswith("}\n")


# What cannot be


def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a.txt", "old")
    with pytest.raises(ResultsError, match="No space left on device") as caught:
        write_atomic(path, full_disk)
    assert str(path) in str(caught.value)
    assert "Free space or choose another folder with results=DIR" in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_disk_that_fills_while_json_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_json(tmp_path / "a.json", {"old": 1})
    monkeypatch.setattr(Path, "write_text", lambda self, *_, **__: full_disk(self))
    with pytest.raises(ResultsError, match="No space left on device"):
        write_json(path, {"new": 2})
    assert json.loads(path.read_bytes()) == {"old": 1}
    assert names(tmp_path) == ["a.json"]


def test_no_room_even_for_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    with pytest.raises(ResultsError, match=r"Permission denied.*results=DIR") as caught:
        write_text(tmp_path / "a.txt", "x")
    assert str(tmp_path / "a.txt") in str(caught.value)
    assert names(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_without_write_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ResultsError, match=r"Permission denied.*results=DIR"):
            write_text(tmp_path / "a.txt", "x")
        assert names(tmp_path) == []
    finally:
        tmp_path.chmod(0o700)


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    blocker = write_text(tmp_path / "results", "I am a file")
    with pytest.raises(ResultsError, match="Choose another folder") as caught:
        write_text(blocker / "a.txt", "x")
    assert str(blocker / "a.txt") in str(caught.value)
    assert blocker.read_text() == "I am a file"


def test_a_file_that_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(ResultsError, match="Is a directory"):
        write_text(tmp_path / "a.txt", "x")
    assert names(tmp_path) == ["a.txt"]


def test_a_writers_own_error_passes_and_leaves_nothing(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a.txt", "old")
    with pytest.raises(ZeroDivisionError):
        write_atomic(path, lambda target: target.write_text("half") / 0)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_json_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for content in ("{half", b"\xff\xfe"):
        path = tmp_path / "a.json"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(ResultsError, match="cannot read") as caught:
            read_json(path)
        assert str(path) in str(caught.value)
    with pytest.raises(ResultsError, match="No such file"):
        read_json(tmp_path / "absent.json")
