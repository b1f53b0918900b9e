"""Distributions that Python's `statistics` has not, and no library of the operator: a file each.

For `cost`, `drift`, `evaluate` and `versions`; functions of numbers alone, which know of none of them.
"""
