"""A backend computes in as many threads of its library as its options say."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from irtbridge.plugin.entry_points import backend_names

THREADS = """
import os, sys
from pathlib import Path
from irtbridge.plugin.loading import load_backend
load_backend("numpyro", threads=int(sys.argv[1])).preload()
assert "NPROC" not in os.environ
names = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
print(names.count("tf_XLAEigen"))
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted as Linux lists them")
@pytest.mark.skipif("numpyro" not in backend_names() or find_spec("numpyro") is None, reason="numpyro not installed")
@pytest.mark.parametrize("threads", [1, 3])
def test_xla_has_as_many_threads_as_the_options_say(threads: int) -> None:
    words = [sys.executable, "-c", THREADS, str(threads)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert int(done.stdout) == threads
