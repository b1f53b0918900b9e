"""The model of the tests: SmolLM2-135M-Instruct behind llama.cpp's own OpenAI-compatible server.

Flags are llama-server's (`--port`, `--parallel`, `--threads`, `--ctx-size`, `--alias`, `--grammar`,
`--api-key`), and LLAMA_ARG_MODEL names other weights as it does there, so that a manifest reads like
anybody's; `/metrics` and `/health` are on.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time

_WEIGHTS = "/weights/smollm2.gguf"
_OF_THE_USER = 1
"""llama.cpp's COMMON_GRAMMAR_TYPE_USER."""


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="model", description=__doc__)
    parser.add_argument("--model", default=os.environ.get("LLAMA_ARG_MODEL", _WEIGHTS))
    parser.add_argument("--alias", default="smollm2-135m")
    parser.add_argument("--host", default="0.0.0.0")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--parallel", type=int, default=4, help="requests served at a time; more wait")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--ctx-size", type=int, default=1024, help="tokens, for each of the parallel requests"
    )
    parser.add_argument("--reverse-prompt", help="ends an answer that is about to say this")
    parser.add_argument("--grammar", help="that every answer follows (GBNF)")
    parser.add_argument("--api-key", help="what clients must send as their bearer token")
    parser.add_argument("--load-seconds", type=float, default=0.0, help="pretend that loading takes so long")
    given = parser.parse_args()
    stop = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(
        signal.SIG_BLOCK, stop
    )  # before the server's threads exist, so that all inherit it
    if signal.sigtimedwait(stop, given.load_seconds):
        return
    began = time.monotonic()
    import xllamacpp  # noqa: PLC0415 - loads native libraries: part of the time that is printed

    params = xllamacpp.CommonParams()
    params.model.path = given.model
    params.model_alias = {given.alias}
    params.hostnames = [given.host]
    params.port = given.port
    params.n_parallel = given.parallel
    params.n_ctx = given.parallel * given.ctx_size
    params.n_predict = given.ctx_size
    if given.reverse_prompt:
        params.antiprompt = [given.reverse_prompt]
    if given.grammar:
        grammar = params.sampling.grammar
        grammar.type, grammar.grammar = _OF_THE_USER, given.grammar
        params.sampling.grammar = grammar
    params.cpuparams.n_threads = given.threads
    params.cpuparams_batch.n_threads = given.threads
    params.endpoint_metrics = True
    if given.api_key:
        params.api_keys = [given.api_key]
    params.verbosity = -1
    server = xllamacpp.Server(params)
    print(f"serving at {server.listening_address} after {time.monotonic() - began:.1f} s", flush=True)  # noqa: T201
    signal.sigwait(stop)
    sys.stdout.flush()
    os._exit(0)  # the server's threads have nothing to save


if __name__ == "__main__":
    main()
