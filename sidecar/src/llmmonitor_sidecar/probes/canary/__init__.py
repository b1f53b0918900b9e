"""Canaries: fixed prompts whose first token tells one model from another (`report.canaries`)."""
