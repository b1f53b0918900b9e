"""Who did what to a monitor and what was said through it, when and why: a chain of records."""
