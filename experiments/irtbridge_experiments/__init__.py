"""The command line and the studies, from words to tables and figures.

Each package uses those before it in this list:

config
    Words become a checked configuration.
records
    What is kept of fits, and which of them are shown.
study
    A configuration becomes conditions, their data and cells; each cell is fitted in a process of its own.
tables, figures
    What is made from records; each is listed in its package's `registry`.
reports
    What stands in a folder of results.
commands
    What one types: a module for each command.
"""
