"""What texts look like, for drift: text in, a code or a few buckets out.

Functions of the text alone, and cheap: `signals/features` calls them for exchanges that the detectors look at
anyway, within the same CPU time. A code says no more of a text than `llmmonitor_api.report.features` has
codes for.
"""
