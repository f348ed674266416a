"""The studies: what to fit, how a cell is run, recorded, tabulated and drawn."""
