"""What the model's pods cost: a ledger by UTC day, its totals, and what the period will come to. Pure."""
