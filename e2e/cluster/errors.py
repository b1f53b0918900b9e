"""The two ways in which there can be no cluster: this machine can't have one, or one broke while starting."""


class ClusterUnavailable(Exception):
    """This machine cannot run the cluster (not root, no Go, a package missing): tests are skipped."""


class ClusterFailed(Exception):
    """It should have worked and did not; the message ends with the log of what failed."""
