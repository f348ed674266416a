"""Run where irtbridge cannot be imported: the log density of each exported script of a folder at its point.

``python densities.py ENGINE FOLDER`` reads NAME.py and NAME.npz, sites by name, and prints JSON by NAME.
"""

import json
import runpy
import sys
import traceback
from pathlib import Path


def pyro(script, sites):
    import torch
    from pyro import poutine

    trace = poutine.trace(script["model"]).get_trace()
    values = {name: torch.tensor(value).reshape(trace.nodes[name]["value"].shape) for name, value in sites.items()}
    latent = {name for name in trace.stochastic_nodes if not name.endswith(("persons", "items"))}
    assert set(values) == latent, latent
    conditioned = poutine.condition(script["model"], data=values)
    return float(poutine.trace(conditioned).get_trace().log_prob_sum())


def numpyro(script, sites):
    from numpyro import handlers
    from numpyro.infer.util import log_density

    seeded = handlers.seed(handlers.substitute(script["model"], data=sites), 0)
    trace = handlers.trace(seeded).get_trace()
    latent = {n for n, s in trace.items() if s["type"] == "sample" and not s["is_observed"]}
    assert set(sites) == latent, latent
    return float(log_density(script["model"], (), {}, sites)[0])


def tfp(script, sites):
    observed = {name: script[name] for name in ("part", "response") if name in script}
    pinned = script["model"].experimental_pin(**observed)
    assert set(pinned.event_shape._fields) == set(sites), pinned.event_shape
    return float(pinned.unnormalized_log_prob(**sites))


def main(engine, folder):
    import numpy as np

    found = {}
    for number, path in enumerate(sorted(Path(folder).glob("*.py"))):
        try:
            script = runpy.run_path(str(path), run_name=f"exported{number}")
            with np.load(path.with_suffix(".npz")) as sites:
                found[path.stem] = globals()[engine](script, dict(sites))
        except Exception:
            found[path.stem] = traceback.format_exc()
    assert not any(name.partition(".")[0].startswith("irtbridge") for name in sys.modules)
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
