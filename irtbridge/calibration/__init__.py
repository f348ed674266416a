"""Item parameters from item features: graders, their projection on a response family, and the loop around them."""
