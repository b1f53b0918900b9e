"""aiperf, a load generator that measures TTFT and token gaps itself: the peer for accuracy, not for speed.

It lives in an environment of its own (requirements/bench-aiperf.txt, hashed; 0.8 GB), brought by
`python -m bench.peers.install --aiperf` and only then used. Its tokenizer would come from the network: it
gets one made on the spot, of single bytes, since token counts come from the server here.
"""

import json
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

import msgspec
from bench.peers.install import ENVIRONMENTS
from bench.peers.running import PeerUnavailableError

TIMEOUT_SECONDS = 180
PROGRAM = ENVIRONMENTS / "aiperf" / "bin" / "aiperf"

_MAKE_TOKENIZER = """
import sys
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
letters = sorted(pre_tokenizers.ByteLevel.alphabet())
tokenizer = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(letters)}, merges=[]))
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=letters[0]).save_pretrained(sys.argv[1])
"""


class _Value(msgspec.Struct):
    value: float


class _Values(msgspec.Struct):
    value: list[float]


class _Metrics(msgspec.Struct):
    time_to_first_token: _Value
    inter_chunk_latency: _Values
    usage_completion_tokens: _Value


class _Metadata(msgspec.Struct):
    request_start_ns: int


class _Line(msgspec.Struct):
    metadata: _Metadata
    metrics: _Metrics


class Request(msgspec.Struct, frozen=True):
    """What aiperf says of one request; in the order of their beginning."""

    ttft_ns: float
    gaps_ns: list[float]
    completion_tokens: int


def profile(
    port: int, requests: int, tokens: int, metadata: dict[str, str], directory: Path
) -> list[Request]:
    """Let aiperf send `requests` streamed chats one after another and say what it measured.

    Raises:
        PeerUnavailableError: it is not installed or fails; with its last words.
    """
    if not PROGRAM.exists():
        raise PeerUnavailableError("aiperf: not installed (python -m bench.peers.install --aiperf)")
    tokenizer, output = directory / "tokenizer", directory / "aiperf"
    _run([str(PROGRAM.with_name("python")), "-c", _MAKE_TOKENIZER, str(tokenizer)])
    _run([str(PROGRAM), "profile", *_options(port, requests, tokens, metadata, tokenizer, output)])
    return read((output / "profile_export.jsonl").read_bytes().splitlines())


def read(lines: Iterable[bytes]) -> list[Request]:
    """The requests of aiperf's per-request export."""
    decoded = [msgspec.json.decode(line, type=_Line) for line in lines]
    decoded.sort(key=lambda line: line.metadata.request_start_ns)
    return [
        Request(
            line.metrics.time_to_first_token.value * 1e6,
            [gap * 1e6 for gap in line.metrics.inter_chunk_latency.value],
            int(line.metrics.usage_completion_tokens.value),
        )
        for line in decoded
    ]


def _options(  # noqa: PLR0913, PLR0917 - what the program wants to know
    port: int, requests: int, tokens: int, metadata: dict[str, str], tokenizer: Path, output: Path
) -> list[str]:
    options = {
        "--model": "paced",
        "--url": f"http://127.0.0.1:{port}",
        "--endpoint-type": "chat",
        "--tokenizer": str(tokenizer),
        "--concurrency": "1",
        "--request-count": str(requests),
        "--output-tokens-mean": str(tokens),
        "--output-tokens-stddev": "0",
        "--synthetic-input-tokens-mean": "20",
        "--synthetic-input-tokens-stddev": "0",
        "--extra-inputs": json.dumps({"metadata": metadata}),
        "--artifact-dir": str(output),
        "--ui": "none",
    }
    return ["--streaming", "--use-server-token-count", *(word for pair in options.items() for word in pair)]


def _run(command: list[str]) -> None:
    try:
        subprocess.run(
            command,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_SECONDS,
            preexec_fn=_on_all_cores,
        )
    except subprocess.CalledProcessError as error:
        last = error.stdout.decode(errors="replace").strip().splitlines()[-1:]
        raise PeerUnavailableError(f"aiperf: exited with {error.returncode}: {' '.join(last)}") from error
    except subprocess.TimeoutExpired as error:
        raise PeerUnavailableError(f"aiperf: not done after {TIMEOUT_SECONDS} s") from error


def _on_all_cores() -> None:
    """It is a dozen processes: confined to one core, it would measure its own crowding."""
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
