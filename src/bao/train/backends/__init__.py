"""Who does the work of training."""
