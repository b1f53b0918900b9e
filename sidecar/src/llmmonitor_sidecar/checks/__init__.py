"""The owner's checks on requests (`spec.requests`): one file each, listed in `table.py`.

A check is a function of one request and the setting in force. It says None where it cannot be made of this
request, an empty text where the request passes, else a detail: what was broken, in words that are the owner's
or ours.
"""
