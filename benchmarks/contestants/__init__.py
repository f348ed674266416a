"""One module for each contestant, each with one function: ``run(job) -> dict``.

What `run` gives back is ``total_seconds`` and, where the library tells it apart, ``compile_seconds``; and of

- ``draws``: arrays (chain, draw, ...) of ``discrimination`` and ``location``; ``min_ess`` where it is not a chain's;
- ``estimate``: arrays of ``discrimination`` and ``location``;
- ``gradient_seconds``.

The clock starts when the libraries are imported and the responses lie in memory as an integer matrix.
"""
