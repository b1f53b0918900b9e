"""Looks at what is said, in memory: text in, counts out.

A detector is a function of text: no I/O, no clock, no memory. `inspect` runs them all over one exchange,
`signals/interactions` decides which exchanges there is CPU for. Nothing of any text leaves this package but
whether something was found.
"""
