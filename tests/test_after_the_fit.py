"""What is asked after a fit works on fits of every method and backend, taken up from disk by a new process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import irtbridge as irt
from irtbridge.inference import METHODS

SHORT = {
    "nuts": {"chains": 2, "warmup": 50, "draws": 50},
    "nuts_collapsed": {"chains": 2, "warmup": 50, "draws": 50},
    "nuts_whitened": {"chains": 2, "warmup": 50, "draws": 50},
    "vi": {"steps": 200, "draws": 100},
    "laplace": {"draws": 200},
    "metropolis": {"chains": 2, "warmup": 50, "draws": 50},
}
SUFFICIENT = {"cmle": "1pl"}  # models of methods that need their sum scores
ASKED = """\
import sys
from pathlib import Path
import matplotlib
matplotlib.use("Agg")
import pandas as pd
import irtbridge as irt
from irtbridge_experiments.cli import main

path = Path(sys.argv[1])
fit, other = irt.load_fit(path), irt.load_fit(path)
assert str(fit.check())
for table in (
    fit.items(), fit.persons(), fit.item_fit(), fit.item_residuals(), fit.local_dependence(), fit.overall_fit(),
    fit.person_fit(), fit.predictive_check(), fit.reliability(), fit.conditional_se(), fit.curves("category"),
    fit.dif("sex", "mantel-haenszel"), fit.dif("sex", "logistic"),
    *(fit.scores(method=method) for method in ("eap", "map", "ml", "wle", "sum")), fit.scores(plausible=3),
    fit.scores(pd.DataFrame([[1, 0, 1, 1, 0]], columns=fit.responses.items)),
):
    assert len(table)
for axes in (
    fit.plot.items(), fit.plot.categories(), fit.plot.information(), fit.plot.wright_map(), fit.plot.expected_score(),
    fit.plot.ppc(), fit.plot.forest(), fit.plot.trace("difficulty"), fit.plot.abilities(other),
):
    assert axes is not None
assert fit.with_log_likelihood("person").idata.log_likelihood.sizes["person"] == fit.responses.n_persons
fit.responses.to_frame().to_csv(path.with_suffix(".csv"), index=False)
assert main(["check", str(path)]) in (0, 1)
assert main(["report", str(path), f"out={path.with_suffix('.html')}"]) == 0
assert main(["score", str(path), f"data={path.with_suffix('.csv')}"]) == 0
assert main(["compare", str(path), str(path)]) in (0, 1)
try:
    assert len(irt.compare({"one": fit, "other": other})) == 2
except irt.IRTBridgeError as error:  # a point estimate has no draws to predict from
    assert fit.posterior.point
    assert "anova" in str(error)
if not fit.posterior.point:
    longer = fit.extend(draws=20)
    assert longer.idata.posterior.sizes["draw"] == fit.idata.posterior.sizes["draw"] + 20
"""


@pytest.fixture(scope="module")
def data() -> irt.Responses:
    spec = irt.two_pl()
    params = irt.simulate_parameters(spec, 200, [2] * 5, seed=3)
    frame = irt.simulate_responses(spec, params, [2] * 5, seed=4).to_frame()
    return irt.load_responses(frame.assign(sex=["f", "m"] * 100), group="sex")


@pytest.mark.long
@pytest.mark.parametrize("backend", ["pyro", "tfp"])
@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if method.gradients or not method.native])
def test_all_that_is_asked_is_answered(method: str, backend: str, data: irt.Responses, tmp_path: Path) -> None:
    fit = irt.fit(data, SUFFICIENT.get(method, "2pl"), backend=backend, method=method, seed=1, **SHORT.get(method, {}))
    fit.save(tmp_path / "fit.nc")
    (tmp_path / "ask.py").write_text(ASKED)
    command = [sys.executable, "-W", "ignore", str(tmp_path / "ask.py"), str(tmp_path / "fit.nc")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
