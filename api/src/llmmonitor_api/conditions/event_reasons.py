"""Reasons of Events that no condition gives: something happened once, and no condition is False for it."""

CHECKPOINT_UNREADABLE = "CheckpointUnreadable"
"""What was known of a monitor could not be read: it is kept aside, and windows begin anew."""
MODEL_CHANGED = "ModelChanged"
"""A version of the model runs that did not run a moment ago; the message says what of it differs."""
