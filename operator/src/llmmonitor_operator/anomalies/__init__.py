"""Anomalies: when a figure leaves the range of the monitor's own history, and since when.

`cell` sums up five minutes, `history` keeps 35 days of them, `baseline` says what is usual, `bootstrap` how
often chance alone would raise an alarm, `detector` watches, `watch` puts them together for all `signals`.
Everything here is a function of its arguments; `reconcile/` decides when, `evaluate/anomalies.py` words it.
"""
