from __future__ import annotations

from pathlib import Path

import kopf
import pytest

from llmmonitor_operator.reconcile.watch.watch_monitors import service_account


def test_the_api_server_is_called_by_its_address_and_the_token_is_read_anew(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc\n")
    environment = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}

    first = service_account(environment, tmp_path)
    (tmp_path / "token").write_text("def\n")
    second = service_account(environment, tmp_path)

    assert (first.server, first.token, second.token) == ("https://10.96.0.1:443", "abc", "def")
    assert first.expiration is not None


def test_an_address_of_ipv6_is_in_brackets(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc")
    environment = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}

    assert service_account(environment, tmp_path).server == "https://[fd00::1]:443"


def test_outside_a_pod_it_is_tried_again(tmp_path: Path) -> None:
    with pytest.raises(kopf.TemporaryError, match="KUBERNETES_SERVICE_HOST"):
        service_account({}, tmp_path)
