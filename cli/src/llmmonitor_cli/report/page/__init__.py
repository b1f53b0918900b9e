"""A document as HTML, Markdown or JSON."""
