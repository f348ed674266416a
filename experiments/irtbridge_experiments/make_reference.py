"""Compute the reference posterior of `study=quickstart`: ``python -m irtbridge_experiments.make_reference FILE``.

No backend takes part: abilities are integrated out by quadrature, the moments come from importance sampling.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from irtbridge.data.files import write_text
from irtbridge.data.load import load_responses
from irtbridge.model.catalogue import two_pl
from irtbridge.testing import reference_posterior

HEADER = (
    "# Posterior of the 2PL (default priors) on LSAT section 7, by {module}; {draws} importance draws, ESS {ess:.0f}.\n"
)


def main(path: str, draws: int = 200_000) -> None:
    """Write the reference as csv: item, parameter, mean, sd, mcse, source."""
    responses = load_responses("lsat7")
    reference = reference_posterior(two_pl(), responses, draws=draws)
    frames = [
        pd.DataFrame(
            {
                "item": responses.items,
                "parameter": name,
                "mean": reference.mean[name],
                "sd": reference.sd[name],
                "mcse": reference.mcse[name],
                "source": "quadrature",
            }
        )
        for name in reference.mean
    ]
    header = HEADER.format(module=__spec__.name, draws=draws, ess=reference.ess)
    write_text(Path(path), header + pd.concat(frames).to_csv(index=False, float_format="%.6f"))


if __name__ == "__main__":
    main(sys.argv[1])
