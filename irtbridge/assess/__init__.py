"""After the fit: one file per question that a user has; each asks a `Posterior`."""
