"""From copied bytes to a report: parsing, dialects, accounting. Never on the request path."""
