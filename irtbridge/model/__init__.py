"""The language of models, pure data, and its maths in NumPy."""
