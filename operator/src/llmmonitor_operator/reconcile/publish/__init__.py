"""What people see on an LLMMonitor: its status, and its Events."""
