"""Draws and what is told of them: InferenceData, tables, accuracy, verdict."""
