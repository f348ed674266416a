"""Methods: their settings by name, and the dispatch to what a backend runs natively."""

from irtbridge.inference.methods import METHODS, compile_for, make_settings, run_method

__all__ = ["METHODS", "compile_for", "make_settings", "run_method"]
