"""From the API server's audit log of the whole run: each verb that is granted was used, no other was tried.

Runs last, since the run is what it looks at, and needs all of it: a part of the tests uses a part of the
rights. On someone's own cluster there is no log to read.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest
from e2e.cluster import audit
from e2e.cluster.layout import Layout
from e2e.installed import RELEASE, Installed
from e2e.kubectl import Kubectl
from e2e.lanes import BESIDE
from e2e.rights import Right, allows, granted, used

pytestmark = pytest.mark.last


@pytest.fixture
def log(product: Installed) -> list[audit.Request]:
    """What ServiceAccounts have asked for since it was installed; the end of one before was refused."""
    if os.environ.get("E2E_KUBECONFIG"):
        pytest.skip("the audit log of E2E_KUBECONFIG's cluster is not ours to read")
    account = product.kubectl.get(f"serviceaccount/{RELEASE}-operator")
    since = datetime.fromisoformat(account["metadata"]["creationTimestamp"])
    return [one for one in audit.requests(Layout.from_environment().audit_log) if one.at >= since]


@pytest.fixture
def whole_suite(request: pytest.FixtureRequest) -> None:
    """Every file of the suite has a test in this session or beside it; which, `-k` may have chosen."""
    here = Path(__file__).parent
    run = request.config.stash[BESIDE].union(item.path for item in request.session.items)
    left_out = {*here.glob("test_*.py")} - run
    if left_out:
        pytest.skip(f"this run is without {len(left_out)} files of the suite, such as {min(left_out).name}")


def words(rights: set[Right]) -> list[str]:
    """For people."""
    return sorted(
        f"{one.verb} {one.resource}.{one.group}".rstrip(".") + f" in {one.namespace or 'all namespaces'}"
        for one in rights
    )


@pytest.mark.parametrize("account", ["operator", "webhook"])
def test_no_right_is_tried_that_is_not_granted(
    cluster: Kubectl, log: list[audit.Request], account: str
) -> None:
    rights = granted(cluster, RELEASE, f"{RELEASE}-{account}")
    tried = used(log, RELEASE, f"{RELEASE}-{account}")
    refused = used((one for one in log if not one.allowed), RELEASE, f"{RELEASE}-{account}")

    assert tried, "the log has nothing of this account: is it kept?"
    assert words({one for one in tried if not any(allows(right, one) for right in rights)}) == []
    assert words(refused) == []


@pytest.mark.usefixtures("whole_suite")
@pytest.mark.parametrize("account", ["operator", "webhook"])
def test_every_right_that_is_granted_was_used(
    cluster: Kubectl, log: list[audit.Request], account: str
) -> None:
    rights = granted(cluster, RELEASE, f"{RELEASE}-{account}")
    tried = used(log, RELEASE, f"{RELEASE}-{account}")

    assert rights
    assert words({right for right in rights if not any(allows(right, one) for one in tried)}) == []
