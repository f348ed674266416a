"""The Hydra tree. Groups `backend`, `method` and `model` are filled in from the plugins, settings and catalogue."""
