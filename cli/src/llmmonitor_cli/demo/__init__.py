"""`llm-monitor demo`: a real model, ordinary traffic, an incident, and what the monitor makes of it."""
