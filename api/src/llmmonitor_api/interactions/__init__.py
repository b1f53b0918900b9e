"""What can be found in what is said: kinds of interaction, where they come from, and the detectors that tell.

Plain facts, of which sidecar, operator, docs and benchmark all speak by the same names.
"""
