"""Tables from records alone, and how they are written."""
