"""A sidecar whose clock is an hour off believes nobody, says by how much, and recovers with its clock.

Its clock is libfaketime's, which reads the offset from a file at each look; this machine's is left alone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.sidecar.whole_sidecar import Whole, until

LIBRARY = Path(__file__).parents[2] / ".cache" / "faketime" / "libfaketime.so.1"


@pytest.fixture
def library() -> Path:
    """libfaketime, out of Debian's package of that name."""
    if not LIBRARY.exists():
        assert os.environ.get("CI") != "true", "libfaketime is missing: tests/install-system-packages"
        pytest.skip("!!! NOT TESTED: needs libfaketime: tests/install-system-packages")
    return LIBRARY


@pytest.mark.parametrize(("offset", "reason"), [("+1h", "expired"), ("-1h", "not_yet_valid")])
def test_requests_are_refused_until_it_is_put_right(
    start: Callable[..., Whole], library: Path, tmp_path: Path, offset: str, reason: str
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("+0\n")
    faked = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    sidecar = start(around=faked)
    until(sidecar.answers)
    assert sidecar.ask("/v1/report")[0] == 200

    clock.write_text(f"{offset}\n")
    status, said = sidecar.ask("/v1/report")

    assert (status, said["error"]["reason"]) == (403, reason)
    assert "300 s of clock skew are tolerated" in said["error"]["message"]
    clock.write_text("+0\n")
    status, report = sidecar.ask("/v1/report")
    assert status == 200
    assert abs(report["at"] - time.time()) < 5
