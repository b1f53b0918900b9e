"""Drift: whether requests and answers still look as they did, feature by feature, and how sure that is.

`window` is some hundreds of requests, `index` how far one is from a reference, `baseline` what the reference
is made of, `null` how far chance alone takes it, `judge` puts them together for one window, `watch`
remembers from window to window. Everything here is a function of its arguments; `reconcile/` decides when,
`evaluate/drift.py` words it.
"""
