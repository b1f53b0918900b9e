"""What the operator sees of the cluster."""
