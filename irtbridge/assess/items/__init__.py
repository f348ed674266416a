"""Do the items fit, and what do pairs of them have in common beyond the model?"""
