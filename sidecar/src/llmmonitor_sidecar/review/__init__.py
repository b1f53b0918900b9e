"""Redacted cases in memory, for people to judge; off unless the owner turns it on (`spec.privacy.review`)."""
