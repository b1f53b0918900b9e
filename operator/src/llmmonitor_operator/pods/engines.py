"""The model servers we know by sight: one table, one row an engine and way of packing it.

Figures are those of each engine's own documentation and images. Ports are where it listens if nobody says
otherwise; a variable or option is in a row only if that engine reads it as the port of its HTTP API. So
vLLM's VLLM_PORT is not (its nodes talk there), and `-p` is TGI's port, but the prompt to llama.cpp.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from llmmonitor_api.spec.target import Engine

IMAGE_LIMIT = 1024
"""Characters of an image's name that are looked at: registry, name, tag and digest are shorter."""


def _name(pattern: str) -> re.Pattern[str]:
    """An image whose name has this as a part, as in `vllm/vllm-openai` and `corp/qwen-vllm`."""
    return re.compile(rf"(?:^|[/_.-])(?:{pattern})(?:[/_.-]|$)")


def _program(pattern: str) -> re.Pattern[str]:
    """A command that runs this program or module, by its name or path."""
    return re.compile(rf"(?:^|[\s/])({pattern})(?=\s|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """How one engine is recognised, and where it listens."""

    engine: Engine
    commands: re.Pattern[str] | None = None
    """Searched in a command, its words joined by blanks; group 1 is what status shows."""
    images: re.Pattern[str] | None = None
    """Searched in an image's name without tag and digest; weaker, since an image can run anything."""
    port: int | None = None
    image_port: int | None = None
    """Where the image listens, if its environment says otherwise than the program."""
    options: tuple[str, ...] = ("--port",)
    variables: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    """Variables that hold host and port, as OLLAMA_HOST does."""


GENERIC = Facts(
    engine=Engine.OPENAI_COMPATIBLE,
    options=("--port", "--http-port", "--http_port", "--server-port", "--server_port"),
    variables=("PORT",),
)
"""A server of no known kind: by convention, and by what it declares."""

ENGINES = (
    Facts(
        engine=Engine.VLLM,
        commands=_program(r"vllm serve|vllm\.entrypoints\.(?:openai\.)?api_server"),
        images=_name(r"vllm|vllm-openai|llm-d-cuda"),
        port=8000,
    ),
    Facts(
        engine=Engine.SGLANG,
        commands=_program(r"sglang\.launch_server|sglang serve"),
        images=_name(r"sglang"),
        port=30000,
    ),
    Facts(
        engine=Engine.TGI,
        commands=_program(r"text-generation-launcher|text-generation-router"),
        images=_name(r"text-generation-inference|tgi"),
        port=3000,
        image_port=80,
        options=("--port", "-p"),
        variables=("PORT",),
    ),
    Facts(
        engine=Engine.TENSORRT_LLM,
        commands=_program(r"trtllm-serve"),
        images=_name(r"tensorrt-?llm|trtllm"),
        port=8000,
    ),
    Facts(
        engine=Engine.TRITON,
        commands=_program(r"tritonserver"),
        images=_name(r"tritonserver|triton"),
        port=8000,
        options=("--http-port",),
    ),
    Facts(  # before llama.cpp, whose name its image has in it
        engine=Engine.LLAMA_CPP,
        commands=_program(r"llama_cpp\.server"),
        images=_name(r"llama[_-]cpp[_-]python"),
        port=8000,
        variables=("PORT",),
    ),
    Facts(
        engine=Engine.LLAMA_CPP,
        commands=_program(r"llama-server|xllamacpp"),
        images=_name(r"llama[._-]?cpp|llama-server|xllamacpp"),
        port=8080,
        variables=("LLAMA_ARG_PORT",),
    ),
    Facts(
        engine=Engine.OLLAMA,
        commands=_program(r"ollama (?:serve|start)"),
        images=_name(r"ollama"),
        port=11434,
        options=(),
        addresses=("OLLAMA_HOST",),
    ),
    Facts(  # NVIDIA NIM
        engine=Engine.OPENAI_COMPATIBLE,
        images=_name(r"nim"),
        port=8000,
        variables=("NIM_SERVER_PORT",),
    ),
    Facts(  # NVIDIA Dynamo; its workers answer the front end alone (workers.py)
        engine=Engine.OPENAI_COMPATIBLE,
        commands=_program(r"dynamo\.frontend"),
        port=8000,
        options=("--http-port",),
        variables=("DYN_HTTP_PORT",),
    ),
    Facts(  # KServe's server of Hugging Face models
        engine=Engine.OPENAI_COMPATIBLE,
        commands=_program(r"huggingfaceserver"),
        images=_name(r"huggingfaceserver"),
        port=8080,
        options=("--http_port",),
    ),
    Facts(
        engine=Engine.OPENAI_COMPATIBLE,
        commands=_program(r"lmdeploy serve api_server"),
        images=_name(r"lmdeploy"),
        port=23333,
        options=("--server-port",),
    ),
    Facts(
        engine=Engine.OPENAI_COMPATIBLE,
        commands=_program(r"mlc_llm serve"),
        images=_name(r"mlc[_-]?llm"),
        port=8000,
    ),
    Facts(
        engine=Engine.OPENAI_COMPATIBLE,
        commands=_program(r"local-ai"),
        images=_name(r"local-?ai"),
        port=8080,
        addresses=("LOCALAI_ADDRESS", "ADDRESS"),
    ),
)

NO_ENGINE = _name(r"router|gateway|proxy|exporter|operator|controller|scheduler|bench|benchmark|client|webui")
"""Images with an engine's name in theirs that serve no model."""


def facts_for(engine: Engine) -> Facts:
    """The first row of an engine that the owner named; GENERIC for one that is only compatible."""
    if engine is Engine.OPENAI_COMPATIBLE:
        return GENERIC
    return next(row for row in ENGINES if row.engine is engine)


@dataclass(frozen=True, slots=True)
class Started:
    """A model server that a command starts."""

    facts: Facts
    program: str
    """The words it is known by."""
    options: tuple[str, ...]
    """The words after them."""


def by_command(words: tuple[str, ...]) -> Started | None:
    """The model server that a simple command starts."""
    text = " ".join(words)
    for row in ENGINES:
        match = row.commands.search(text) if row.commands else None
        if match:
            return Started(row, match.group(1), words[text[: match.end(1)].count(" ") + 1 :])
    return None


def by_image(image: str) -> Facts | None:
    """The engine whose name the image has in it."""
    name = repository(image)
    if NO_ENGINE.search(name.rpartition("/")[2]):
        return None
    return next((row for row in ENGINES if row.images and row.images.search(name)), None)


def repository(image: str) -> str:
    """An image's name without tag and digest."""
    name = image[:IMAGE_LIMIT].partition("@")[0]
    folder, slash, last = name.rpartition("/")
    return folder + slash + last.partition(":")[0]
