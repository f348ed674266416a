"""Files that are either whole or not there: written beside, then renamed."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from irtbridge.errors import ResultsError


def write_atomic(path: Path, write: Callable[[Path], object]) -> Path:
    """Call `write` on a temporary file in the same folder, then rename it to `path`.

    Parameters
    ----------
    path : Path
        Where the file shall stand; its folder is made.
    write : callable
        Writes the content to the path it is given.

    Raises
    ------
    ResultsError
        The folder cannot be written, or the disk is full; what stood at `path` before is untouched.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        way_out = "Free space or choose" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "Choose"
        raise ResultsError(
            f"cannot write {path}: {error.strerror or error}. {way_out} another folder with results=DIR."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
    return path


def write_text(path: Path, text: str) -> Path:
    """Write text atomically, UTF-8."""
    return write_atomic(path, lambda target: target.write_text(text, encoding="utf-8"))


def write_json(path: Path, data: Mapping[str, Any]) -> Path:
    """Write JSON atomically, keys in their order, NaN as null."""
    return write_text(path, json.dumps(_finite(data), indent=1, allow_nan=False) + "\n")


def check_writable(folder: Path) -> None:
    """Raise `ResultsError` unless files can be written to a folder, which is made: before work that would be lost."""
    write_text(folder / ".writable", "").unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    ResultsError
        No such file, or not a JSON object.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ResultsError(f"cannot read {path}: {error.strerror or error}.") from error
    except ValueError as error:
        raise ResultsError(f"cannot read {path}: {error}; it is damaged, delete it and run again.") from error
    if not isinstance(data, dict):
        raise ResultsError(f"cannot read {path}: not a JSON object; it is damaged, delete it and run again.")
    return data


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
