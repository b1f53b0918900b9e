"""What is known of a monitor: its LLMMonitor and what the operator keeps of it, from a cluster or files."""
