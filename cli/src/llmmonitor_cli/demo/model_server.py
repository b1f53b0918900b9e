"""A real model server for the demo: llama.cpp's own OpenAI-compatible one, in a process of its own.

Run as `python -m llmmonitor_cli.demo.model_server MODEL PORT SLOTS`. It dies with its parent
(PR_SET_PDEATHSIG), so that a killed demo leaves nothing behind.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_CONTEXT_TOKENS_PER_SLOT = 1024


def main() -> None:
    """Serve until told to stop."""
    model, port, slots = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return  # the parent died before the prctl

    stop = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(
        signal.SIG_BLOCK, stop
    )  # before the server's threads exist, so that all inherit it
    import xllamacpp  # noqa: PLC0415 - loads native libraries; only this process needs them

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.model_alias = {"smollm2-135m"}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_parallel = slots
    params.n_ctx = slots * _CONTEXT_TOKENS_PER_SLOT
    params.n_predict = _CONTEXT_TOKENS_PER_SLOT
    params.cpuparams.n_threads = max(
        1, (os.cpu_count() or 1) // 2
    )  # its threads spin: leave room for the rest
    params.endpoint_metrics = True
    params.verbosity = -1
    server = xllamacpp.Server(params)
    sys.stdout.write(server.listening_address + "\n")
    sys.stdout.flush()
    signal.sigwait(stop)
    os._exit(0)  # the server's threads have nothing to save


if __name__ == "__main__":
    main()
