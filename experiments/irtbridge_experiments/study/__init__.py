"""What is simulated and fitted: conditions, their cells, and the processes that fit them."""
