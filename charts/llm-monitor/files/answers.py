"""What `helm test` runs: do the operator and the webhook answer, each by its Service?

Standard library only, and no DNS: Kubernetes puts a Service's address into the environment of pods that start
after it.
"""

# ruff: noqa: INP001, T201 - a script in a pod, whose log is what the person reads

import os
import socket
import ssl
import sys
import time
import urllib.request

PATIENCE_SECONDS = 90
TIMEOUT_SECONDS = 5


def address(service: str, port_name: str) -> tuple[str, int]:
    """The Service's address, from the variables that Kubernetes sets."""
    prefix = service.upper().replace("-", "_")
    return os.environ[f"{prefix}_SERVICE_HOST"], int(os.environ[f"{prefix}_SERVICE_PORT_{port_name.upper()}"])


def answers(service: str, path: str) -> None:
    """Raise unless the Service answers 200."""
    host, port = address(service, "http")
    with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=TIMEOUT_SECONDS) as answer:
        answer.read()


def serves_a_trusted_certificate(service: str, name: str) -> None:
    """Raise unless the TLS handshake succeeds as the API server does it."""
    trust = ssl.create_default_context(cafile="/authority/ca.crt")
    with (
        socket.create_connection(address(service, "https"), timeout=TIMEOUT_SECONDS) as connection,
        trust.wrap_socket(connection, server_hostname=name),
    ):
        pass


def main() -> int:
    """Try each until it works or patience ends; the exit status."""
    operator, webhook = os.environ["OPERATOR"], os.environ.get("WEBHOOK")
    checks = [(f"{operator} {path}", answers, (operator, path)) for path in ("/healthz", "/readyz")]
    if webhook:
        checks += [(f"{webhook} {path}", answers, (webhook, path)) for path in ("/healthz", "/readyz")]
        host = os.environ["WEBHOOK_HOST"]
        checks.append((f"{webhook} certificate for {host}", serves_a_trusted_certificate, (webhook, host)))
    deadline = time.monotonic() + PATIENCE_SECONDS
    for what, check, arguments in checks:
        while True:
            try:
                check(*arguments)
            except (OSError, KeyError, ValueError) as problem:
                if time.monotonic() > deadline:
                    print(f"not well: {what}: {problem!r}")
                    return 1
                time.sleep(1)
            else:
                print(f"well: {what}")
                break
    return 0


sys.exit(main())
