"""Runs exported scripts where irtbridge cannot be imported: their log densities at given points, or their fits.

``python densities.py ENGINE FOLDER`` reads NAME.py and NAME.npz, sites by name, and prints log densities as JSON, by
name. ``python densities.py fit FOLDER`` runs each script's ``fit`` and writes its draws to NAME.draws.npz.
"""

import json
import runpy
import sys
import traceback
from pathlib import Path

PLATES = ("persons", "items")
OURS = "irtbridge"


def pyro(script, sites):
    import torch
    from pyro import poutine

    trace = poutine.trace(script["model"]).get_trace()
    values = {name: torch.tensor(value).reshape(trace.nodes[name]["value"].shape) for name, value in sites.items()}
    assert set(values) == {name for name in trace.stochastic_nodes if not name.endswith(PLATES)}
    conditioned = poutine.condition(script["model"], data=values)
    return float(poutine.trace(conditioned).get_trace().log_prob_sum())


def numpyro(script, sites):
    from numpyro import handlers
    from numpyro.infer.util import log_density

    trace = handlers.trace(handlers.seed(handlers.substitute(script["model"], data=sites), 0)).get_trace()
    assert set(sites) == {name for name, s in trace.items() if s["type"] == "sample" and not s["is_observed"]}
    return float(log_density(script["model"], (), {}, sites)[0])


def tfp(script, sites):
    observed = {name: script[name] for name in ("part", "response") if name in script}
    pinned = script["model"].experimental_pin(**observed)
    assert set(pinned.event_shape._fields) == set(sites)
    return float(pinned.unnormalized_log_prob(**sites))


def jags(script, sites):
    """What JAGS is given: BUGS has no log density; the program's is held to the reference in test_jags.py."""
    return [script["MODEL"], script["dump"](script["data"])]


def fit(path):
    import numpy as np

    # As a module, as chains in processes of their own need the model by its name.
    sys.path.insert(0, str(path.parent))
    draws = __import__(path.stem).fit()
    np.savez(path.with_suffix(".draws.npz"), **draws)
    return sorted(draws)


def density(engine, path, number):
    import numpy as np

    script = runpy.run_path(str(path), run_name=f"exported{number}")
    with np.load(path.with_suffix(".npz")) as sites:
        return globals()[engine](script, dict(sites))


def main(what, folder):
    sys.modules[OURS] = None  # importing it fails, also where it is installed
    found = {}
    for number, path in enumerate(sorted(Path(folder).glob("*.py"))):
        try:
            found[path.stem] = fit(path) if what == "fit" else density(what, path, number)
        except Exception:
            found[path.stem] = traceback.format_exc()
    assert not [name for name in sys.modules if name.startswith(OURS) and sys.modules[name] is not None]
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
