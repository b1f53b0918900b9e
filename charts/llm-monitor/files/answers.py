"""What `helm test` runs: do the operator and the webhook answer, each by its Service?

The webhook's certificate is checked against the `caBundle` of the webhook configuration, as the API server
does: where that is empty or of another authority, every pod starts without the sidecar.

Standard library only, and no DNS: Kubernetes puts a Service's address into the environment of pods that start
after it.
"""

# ruff: noqa: INP001, T201 - a script in a pod, whose log is what the person reads

import base64
import json
import os
import pathlib
import socket
import ssl
import sys
import time
import urllib.request
from collections.abc import Callable

PATIENCE_SECONDS = 90
TIMEOUT_SECONDS = 5
ACCOUNT = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount")
CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"


def address(service: str, port_name: str) -> tuple[str, int]:
    """The Service's address, from the variables that Kubernetes sets."""
    prefix = service.upper().replace("-", "_")
    return os.environ[f"{prefix}_SERVICE_HOST"], int(os.environ[f"{prefix}_SERVICE_PORT_{port_name.upper()}"])


def answers(service: str, path: str) -> None:
    """Raise unless the Service answers 200."""
    host, port = address(service, "http")
    with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=TIMEOUT_SECONDS) as answer:
        answer.read()


def trusting(authorities: str) -> ssl.SSLContext:
    """As strict as Go: what Python calls strict since 3.13 would refuse the certificates of some clusters."""
    context = ssl.create_default_context(cadata=authorities)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def trusted_authorities(configuration: str, account: pathlib.Path) -> str:
    """What the API server checks the webhook's certificate against, in PEM."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    host = f"[{host}]" if ":" in host else host
    token = (account / "token").read_text().strip()
    asked = urllib.request.Request(
        f"https://{host}:{port}{CONFIGURATIONS}/{configuration}", headers={"Authorization": f"Bearer {token}"}
    )
    trust = trusting((account / "ca.crt").read_text())
    with urllib.request.urlopen(asked, timeout=TIMEOUT_SECONDS, context=trust) as answer:  # noqa: S310 - https
        bundles = {one["clientConfig"].get("caBundle", "") for one in json.load(answer)["webhooks"]}
    if "" in bundles:
        raise ValueError(f"the caBundle of MutatingWebhookConfiguration {configuration} is empty")
    return "\n".join(base64.b64decode(one).decode() for one in bundles)


def serves_a_trusted_certificate(
    service: str, name: str, configuration: str, account: pathlib.Path = ACCOUNT
) -> None:
    """Raise unless the TLS handshake succeeds as the API server does it."""
    trust = trusting(trusted_authorities(configuration, account))
    with (
        socket.create_connection(address(service, "https"), timeout=TIMEOUT_SECONDS) as connection,
        trust.wrap_socket(connection, server_hostname=name),
    ):
        pass


def main() -> int:
    """Try each until it works or patience ends; the exit status."""
    operator, webhook = os.environ["OPERATOR"], os.environ.get("WEBHOOK")
    checks: list[tuple[str, Callable[..., None], tuple[str, ...]]] = []
    checks += [(f"{operator} {path}", answers, (operator, path)) for path in ("/healthz", "/readyz")]
    if webhook:
        checks += [(f"{webhook} {path}", answers, (webhook, path)) for path in ("/healthz", "/readyz")]
        host, configuration = os.environ["WEBHOOK_HOST"], os.environ["WEBHOOK_CONFIGURATION"]
        what = f"{webhook} certificate for {host}, by the caBundle of {configuration}"
        checks.append((what, serves_a_trusted_certificate, (webhook, host, configuration)))
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


if __name__ == "__main__":
    sys.exit(main())
