"""What a person types: `llm-monitor demo`, `llm-monitor watch`."""
