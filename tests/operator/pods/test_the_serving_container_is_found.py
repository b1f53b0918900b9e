from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llmmonitor_api.spec.target import Engine, Target
from llmmonitor_operator.pods.serving import NotServing, find_serving

PodNamed = Callable[[str], dict[str, Any]]
ANYTHING = Target()

FOUND = {
    "vllm-by-shell": ("mistral-7b", 8000, "", Engine.VLLM, "command vllm serve, default port 8000"),
    "vllm-by-arguments": (
        "server",
        9000,
        "http",
        Engine.VLLM,
        "image registry.example.com:5000/mirror/vllm-openai, --port in its command line",
    ),
    "vllm-trap": ("vllm", 8000, "", Engine.VLLM, "image vllm/vllm-openai, default port 8000"),
    "vllm-in-company": (
        "app",
        8123,
        "api",
        Engine.VLLM,
        "command vllm.entrypoints.openai.api_server, --port in its command line",
    ),
    "vllm-by-script": ("vllm", 8100, "http", Engine.VLLM, "command vllm serve, --port in its command line"),
    "vllm-by-file": ("vllm", 7000, "openai", Engine.VLLM, "image vllm/vllm-openai, probed port 7000"),
    "llm-d-decode": ("vllm", 8200, "metrics", Engine.VLLM, "command vllm serve, --port in its command line"),
    "vllm-with-router": ("engine", 8000, "", Engine.VLLM, "image vllm/vllm-openai, default port 8000"),
    "vllm-on-ray": ("vllm", 8000, "", Engine.VLLM, "command vllm serve, default port 8000"),
    "lws-leader": (
        "vllm-leader",
        8080,
        "",
        Engine.VLLM,
        "command vllm.entrypoints.openai.api_server, --port in its command line",
    ),
    "sglang-rank-0": (
        "sglang",
        30000,
        "http",
        Engine.SGLANG,
        "command sglang.launch_server, default port 30000",
    ),
    "vllm-wide-1": ("vllm", 8200, "metrics", Engine.VLLM, "command vllm serve, --port in its command line"),
    "trtllm-leader": (
        "leader",
        8001,
        "",
        Engine.TENSORRT_LLM,
        "command trtllm-serve, --port in its command line",
    ),
    "dynamo-frontend": (
        "main",
        8080,
        "",
        Engine.OPENAI_COMPATIBLE,
        "command dynamo.frontend, --http-port in its command line",
    ),
    "sglang": ("sglang", 30000, "", Engine.SGLANG, "command sglang.launch_server, default port 30000"),
    "tgi-by-image": (
        "tgi",
        80,
        "",
        Engine.TGI,
        "image ghcr.io/huggingface/text-generation-inference, default port 80",
    ),
    "tgi-by-short-option": (
        "tgi",
        8081,
        "",
        Engine.TGI,
        "image ghcr.io/huggingface/text-generation-inference, -p in its command line",
    ),
    "tgi-by-variable": (
        "tgi",
        8080,
        "http",
        Engine.TGI,
        "image ghcr.io/huggingface/text-generation-inference, PORT in its environment",
    ),
    "tgi-elsewhere": ("tgi", 3000, "", Engine.TGI, "command text-generation-launcher, default port 3000"),
    "triton": ("triton", 8000, "http", Engine.TRITON, "command tritonserver, default port 8000"),
    "triton-moved": (
        "triton",
        9000,
        "",
        Engine.TRITON,
        "command tritonserver, --http-port in its command line",
    ),
    "trtllm": ("trtllm", 8000, "", Engine.TENSORRT_LLM, "command trtllm-serve, default port 8000"),
    "llamacpp": ("llama", 8080, "", Engine.LLAMA_CPP, "image ghcr.io/ggml-org/llama.cpp, default port 8080"),
    "llamacpp-by-variable": (
        "llama",
        9090,
        "",
        Engine.LLAMA_CPP,
        "image ghcr.io/ggml-org/llama.cpp, LLAMA_ARG_PORT in its environment",
    ),
    "llamacpp-by-path": (
        "server",
        8088,
        "",
        Engine.LLAMA_CPP,
        "command llama-server, --port in its command line",
    ),
    "llamacpp-python": (
        "server",
        8000,
        "",
        Engine.LLAMA_CPP,
        "image ghcr.io/abetlen/llama-cpp-python, default port 8000",
    ),
    "ollama": ("ollama", 11434, "ollama", Engine.OLLAMA, "image ollama/ollama, default port 11434"),
    "ollama-with-puller": (
        "main",
        8080,
        "",
        Engine.OLLAMA,
        "image ollama/ollama, OLLAMA_HOST in its environment",
    ),
    "ollama-by-assignment": (
        "main",
        80,
        "",
        Engine.OLLAMA,
        "command ollama serve, OLLAMA_HOST in its environment",
    ),
    "nim": (
        "nim",
        8000,
        "http-openai",
        Engine.OPENAI_COMPATIBLE,
        "image nvcr.io/nim/meta/llama-3.1-8b-instruct, default port 8000",
    ),
    "kserve": (
        "kserve-container",
        8085,
        "",
        Engine.OPENAI_COMPATIBLE,
        "image kserve/huggingfaceserver, --http_port in its command line",
    ),
    "own-server": ("api", 5000, "http", Engine.OPENAI_COMPATIBLE, "declared port http"),
    "own-server-by-option": ("api", 8055, "", Engine.OPENAI_COMPATIBLE, "--port in its command line"),
    "own-server-with-gpu": ("back", 5000, "", Engine.OPENAI_COMPATIBLE, "declared port 5000"),
}
NOT_SERVING = {
    "lws-worker": "container vllm-worker is a worker of a model that is spread over several pods "
    "(multi-node-serving.sh worker): only the leader serves HTTP",
    "sglang-rank-1": "(--node-rank is 1)",
    "sglang-of-a-set-1": "(--node-rank is ${HOSTNAME##*-}, in pod 1 of its set)",
    "vllm-headless": "(vllm serve --headless)",
    "ray-worker": "(label ray.io/node-type is worker): only the leader serves HTTP; "
    "if this one does too, declare the port in container ray-worker",
    "trtllm-worker": "(sshd, for mpirun of the leader)",
    "dynamo-worker": "(a Dynamo worker)",
    "two-alike": "chat, embed: each may serve the model; name the one in spec.target.container",
    "two-vllm": "chat, embed: each may serve the model; name the one in spec.target.container",
    "silent": "nothing says on which port container quiet serves: declare it in the container's ports, "
    "or give spec.target.port",
    "only-companions": "istio-proxy: no container that is known to serve a model",
    "windows": "Linux only",
}


@pytest.mark.parametrize("name", FOUND)
def test_container_port_and_engine_are_found(pod_named: PodNamed, name: str) -> None:
    serving = find_serving(pod_named(name), ANYTHING)

    assert (
        serving.container,
        serving.port,
        serving.port_name,
        serving.engine,
        serving.because,
    ) == FOUND[name]


@pytest.mark.parametrize("name", NOT_SERVING)
def test_pods_that_serve_nothing_say_why_and_what_would_help(pod_named: PodNamed, name: str) -> None:
    with pytest.raises(NotServing) as refused:
        find_serving(pod_named(name), ANYTHING)

    assert NOT_SERVING[name] in str(refused.value)


def test_the_owners_word_wins_over_everything_that_is_found(pod_named: PodNamed) -> None:
    told = Target(container="routing-proxy", port=8000, engine=Engine.OPENAI_COMPATIBLE)

    serving = find_serving(pod_named("llm-d-decode"), told)

    assert (serving.container, serving.port, serving.engine) == (
        "routing-proxy",
        8000,
        Engine.OPENAI_COMPATIBLE,
    )
    assert serving.because == "spec.target.container, spec.target.engine, spec.target.port"


def test_what_the_owner_leaves_out_is_still_found(pod_named: PodNamed) -> None:
    by_container = find_serving(pod_named("two-vllm"), Target(container="embed"))
    by_port = find_serving(pod_named("two-alike"), Target(port=5001))
    by_engine = find_serving(pod_named("silent"), Target(engine=Engine.SGLANG))

    assert (by_container.port, by_container.engine) == (8001, Engine.VLLM)
    assert by_container.because == (
        "spec.target.container, image vllm/vllm-openai, --port in its command line"
    )
    assert by_port.container == "embed"
    assert (by_engine.port, by_engine.because) == (30000, "spec.target.engine, default port 30000")


def test_a_container_that_is_not_there_is_named_with_those_that_are(pod_named: PodNamed) -> None:
    with pytest.raises(NotServing, match=r"no container llm \(spec.target.container\); it has chat, embed"):
        find_serving(pod_named("two-vllm"), Target(container="llm"))


def test_a_worker_stays_one_though_the_owner_gives_the_port(pod_named: PodNamed) -> None:
    with pytest.raises(NotServing, match="only the leader"):
        find_serving(pod_named("sglang-rank-1"), Target(port=30000))


def test_only_a_server_of_no_known_kind_counts_as_unrecognised(pod_named: PodNamed) -> None:
    assert find_serving(pod_named("nim"), ANYTHING).recognised
    assert not find_serving(pod_named("own-server"), ANYTHING).recognised
    assert find_serving(pod_named("own-server"), Target(engine=Engine.VLLM)).recognised


@pytest.mark.parametrize(
    ("address", "port"),
    [
        ("0.0.0.0", 11434),
        ("", 11434),
        (":7000", 7000),
        ("[::]:7001", 7001),
        ("'0.0.0.0:7002'", 7002),
        ("https://ollama.example", 443),
        ("http://0.0.0.0:7003/path", 7003),
        ("0.0.0.0:99999", 11434),
        ("not an address at all:x", 11434),
    ],
)
def test_ollamas_host_is_read_as_ollama_reads_it(pod_named: PodNamed, address: str, port: int) -> None:
    container = pod_named("ollama")["spec"]["containers"][0] | {
        "ports": [],
        "env": [{"name": "OLLAMA_HOST", "value": address}],
    }

    assert find_serving({"spec": {"containers": [container]}}, ANYTHING).port == port
