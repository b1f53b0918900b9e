"""What the APIs of model servers mean: one file each, one table."""
