"""``irtbridge check``: every fit of a folder in plain words."""

from __future__ import annotations

from pathlib import Path

import pytest
from irtbridge_experiments.cli import main

import irtbridge as irt

pytestmark = pytest.mark.filterwarnings("ignore::irtbridge.errors.IRTBridgeWarning")


def test_every_fit_of_a_folder_is_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = irt.fit("lsat7", "1pl", method="laplace", draws=50, seed=1)
    good.save(tmp_path / "draws" / "pyro-laplace.nc")
    assert main(["check", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert str(good.check()) in out
    poor = irt.fit("lsat7", "1pl", method="nuts_collapsed", chains=2, warmup=10, draws=10, seed=1)
    poor.save(tmp_path / "draws" / "pyro-nuts_collapsed.nc")
    (tmp_path / "draws" / "broken.nc").write_bytes(b"no fit")
    assert main(["check", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    for part in (str(good.check()), str(poor.check()), "broken.nc", "damaged"):
        assert part in out


def test_what_cannot_be_checked_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, part in (([str(tmp_path)], "no fit in"), (["a", "b"], "one folder"), ([str(tmp_path / "x.nc")], "x.nc")):
        assert main(["check", *words]) == 1
        told = capsys.readouterr()
        assert part in told.out + told.err
