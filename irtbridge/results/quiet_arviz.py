"""ArviZ, imported without its announcement of a coming refactor, which is no concern of irtbridge's users."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)
    import arviz as az

__all__ = ["az"]
