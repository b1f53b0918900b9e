"""Versions of the model, told apart and compared while they run beside each other.

Pure: from what clients met in the same minutes (`matching`) to evidence that may be looked at whenever one
likes (`sequence`), and to what it says of one version beside another (`comparison`).
"""
