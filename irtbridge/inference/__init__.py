"""Methods: their settings by name, and the dispatch to what a backend runs natively."""

from irtbridge.inference.methods import (
    METHODS,
    check_runs,
    compile_for,
    compile_joint,
    make_settings,
    of_constant_items,
    resume_method,
    run_method,
    run_stack,
)

__all__ = [
    "METHODS",
    "check_runs",
    "compile_for",
    "compile_joint",
    "make_settings",
    "of_constant_items",
    "resume_method",
    "run_method",
    "run_stack",
]
