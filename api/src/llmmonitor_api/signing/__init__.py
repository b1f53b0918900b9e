"""How a sidecar knows that the operator (or the CLI) speaks, without access to the API server.

The operator signs with one Ed25519 key (RFC 8032); the public half travelled with the injection. Two things
are signed, as compact JWS (RFC 7515, RFC 8037) of different `typ` so that one never passes for the other:
configurations (`document`) and requests (`request`). Both name the pod they are for and when they hold, and
the clock is always an argument. A refusal (`refusal`) says which of the checks failed.
"""

from llmmonitor_api.signing.document import ConfigurationVerifier, SignedConfiguration, sign_configuration
from llmmonitor_api.signing.keys import (
    generate_private_key,
    key_id,
    private_key_from_pem,
    private_key_to_pem,
    public_key_bytes,
    public_key_from_bytes,
    public_keys_by_id,
)
from llmmonitor_api.signing.refusal import Refused, RefusedReason
from llmmonitor_api.signing.request import RequestVerifier, sign_request

__all__ = [
    "ConfigurationVerifier",
    "Refused",
    "RefusedReason",
    "RequestVerifier",
    "SignedConfiguration",
    "generate_private_key",
    "key_id",
    "private_key_from_pem",
    "private_key_to_pem",
    "public_key_bytes",
    "public_key_from_bytes",
    "public_keys_by_id",
    "sign_configuration",
    "sign_request",
]
