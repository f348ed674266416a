"""The item bank: items with what is known of their parameters, which adaptive tests are made of."""
