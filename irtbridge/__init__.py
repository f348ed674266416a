"""The language of item response models and everything that no backend needs to know."""
