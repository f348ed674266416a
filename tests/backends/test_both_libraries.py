"""Two libraries in one process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

LOADED = """
import sys
from irtbridge.plugin.loading import load_backend
load_backend("tfp").devices()
assert {"triton", "tensorflow"} <= set(sys.modules)
"""


def test_triton_is_loaded_before_tensorflow_after_which_it_would_end_the_process(tmp_path: Path) -> None:
    (tmp_path / "triton.py").write_text("import sys\nassert 'tensorflow' not in sys.modules\n")
    search = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run([sys.executable, "-c", LOADED], env=os.environ | {"PYTHONPATH": search}, check=False)
    assert done.returncode == 0
