"""One page: a fit as its reader sees it."""
