"""The webhook's decision on one pod that is being created: pure; answering is left to `webhook/`."""
