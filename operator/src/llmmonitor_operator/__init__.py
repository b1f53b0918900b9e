"""What runs once per cluster: gathering, evaluation, and (later) injection."""
