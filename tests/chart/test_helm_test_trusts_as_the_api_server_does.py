"""The program of `helm test`, beside an API server that shows a webhook configuration, and a webhook."""

from __future__ import annotations

import base64
import importlib.util
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest
from e2e.helm import CHART

from llmmonitor_operator.certificates.authority import Authority, issue, make_authority
from llmmonitor_operator.certificates.pem import write_certificates, write_key

HOST = "llm-monitor-webhook.llm-monitor.svc"
Tried = Callable[[str, str], None]


@pytest.fixture(scope="module")
def answers() -> ModuleType:
    specification = importlib.util.spec_from_file_location("answers", CHART / "files" / "answers.py")
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def authority() -> Authority:
    return make_authority("ours", datetime.now(UTC))


@pytest.fixture
def tried(
    answers: ModuleType, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Tried]:
    """`tried(bundle, name)`: the check, with this caBundle in the configuration and the webhook called so."""
    (tmp_path / "token").write_text("a-token\n")
    (tmp_path / "ca.crt").write_bytes(write_certificates([authority.certificate]))
    with ExitStack() as servers:

        def check(bundle: str, name: str) -> None:
            shown = {"webhooks": [{"clientConfig": {"caBundle": bundle} if bundle else {}}]}
            api = servers.enter_context(served(authority, "localhost", tmp_path, shown))
            webhook = servers.enter_context(served(authority, HOST, tmp_path, {}))
            for variable, port in (("KUBERNETES", api), ("LLM_MONITOR_WEBHOOK", webhook)):
                monkeypatch.setenv(f"{variable}_SERVICE_HOST", "localhost")
                monkeypatch.setenv(f"{variable}_SERVICE_PORT", str(port))
            monkeypatch.setenv("LLM_MONITOR_WEBHOOK_SERVICE_PORT_HTTPS", str(webhook))
            answers.serves_a_trusted_certificate("llm-monitor-webhook", name, "llm-monitor", tmp_path)

        yield check


@contextmanager
def served(authority: Authority, name: str, folder: Path, document: object) -> Iterator[int]:
    """HTTPS on a free port, with a certificate for `name`; answers with `document`, to who has the token."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers["authorization"] == "Bearer a-token"
            self.send_response(200 if known and self.path.endswith("/llm-monitor") else 403)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the library's name
            pass

    pair = issue(authority, [name], datetime.now(UTC))
    (folder / "tls.pem").write_bytes(write_key(pair.key) + write_certificates([pair.certificate]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.pem")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def bundle(authority: Authority) -> str:
    return base64.b64encode(write_certificates([authority.certificate])).decode()


def test_the_authority_in_the_webhook_configuration_is_the_one_that_counts(
    tried: Tried, authority: Authority
) -> None:
    tried(bundle(authority), HOST)


def test_another_authority_none_and_another_name_are_not_well(tried: Tried, authority: Authority) -> None:
    another = bundle(make_authority("another", datetime.now(UTC)))

    with pytest.raises(ssl.SSLCertVerificationError):
        tried(another, HOST)
    with pytest.raises(ValueError, match="caBundle of MutatingWebhookConfiguration llm-monitor is empty"):
        tried("", HOST)
    with pytest.raises(ssl.SSLCertVerificationError):
        tried(bundle(authority), "elsewhere.llm-monitor.svc")
