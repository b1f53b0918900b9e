"""`llm-monitor report`: a monitor's health over a period on one page, for an auditor or a manager.

`gathering/` brings what the operator keeps of a monitor, `sections/` makes it a document (`document.py`),
`page/` writes that as HTML, Markdown or JSON. Sections know nothing of forms, forms nothing of signals.
"""
