"""The `usage` object that OpenAI's API and its many imitations share."""

from __future__ import annotations

import msgspec

from llmmonitor_sidecar.analyser.json_reading import Count, JsonReader
from llmmonitor_sidecar.analyser.progress import Progress


class InputDetails(msgspec.Struct):
    """Of the prompt's tokens."""

    cached_tokens: Count | None = None


class OutputDetails(msgspec.Struct):
    """Of the completion's tokens."""

    reasoning_tokens: Count | None = None


class Usage(msgspec.Struct):
    """Chat and completions call them prompt and completion tokens, the responses API input and output."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    prompt_tokens_details: InputDetails | None = None
    completion_tokens_details: OutputDetails | None = None
    reasoning_tokens: Count | None = None
    """SGLang."""
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    input_tokens_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None


read_usage = JsonReader(Usage)


def take_usage(progress: Progress, usage: Usage, *, partial: bool = False) -> None:
    """Write the server's own counts; `partial` as in `Progress.completion`."""
    input_details = usage.prompt_tokens_details or usage.input_tokens_details
    output_details = usage.completion_tokens_details or usage.output_tokens_details
    progress.prompt(
        usage.input_tokens if usage.prompt_tokens is None else usage.prompt_tokens,
        input_details.cached_tokens if input_details else None,
    )
    progress.completion(
        usage.output_tokens if usage.completion_tokens is None else usage.completion_tokens,
        output_details.reasoning_tokens if output_details else usage.reasoning_tokens,
        partial=partial,
    )
