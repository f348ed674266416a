"""Tables from records alone. Each is listed in `registry` with the name of its files."""
