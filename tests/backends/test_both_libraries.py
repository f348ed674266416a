"""TensorFlow and torch in one process, where torch has brought Triton."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TRITON = "import os, sys\nif 'tensorflow' in sys.modules: os._exit(139)"  # as the real one does
TFP_FIRST = """
import sys
from irtbridge.plugin.loading import load_backend
load_backend("tfp").devices()
assert {"triton", "tensorflow"} <= set(sys.modules)
"""
TENSORFLOW_FIRST = """
import tensorflow
from irtbridge.plugin.loading import load_backend
load_backend("pyro").preload()
try:
    import triton
except ImportError:
    pass
"""


@pytest.mark.parametrize("program", [TFP_FIRST, TENSORFLOW_FIRST], ids=["by irtbridge", "by the user"])
def test_triton_is_never_loaded_after_tensorflow(program: str, tmp_path: Path) -> None:
    (tmp_path / "triton.py").write_text(TRITON)
    search = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run([sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": search}, check=False)
    assert done.returncode == 0
