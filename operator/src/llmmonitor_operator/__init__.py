"""What runs once per cluster: the operator (attach, gather, evaluate) and the webhook (inject)."""
