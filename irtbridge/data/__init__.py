"""Responses: reading, checking, named sets; files that are whole or not there."""
