from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmmonitor_api.report.engine_counts import EngineHistogram
from llmmonitor_sidecar.engines import detect, samples
from llmmonitor_sidecar.engines.figures import EngineKind, Figures
from llmmonitor_sidecar.engines.llamacpp import LLAMA_CPP
from llmmonitor_sidecar.engines.table import ENGINES
from llmmonitor_sidecar.engines.vllm import VLLM

RECORDED = Path(__file__).parent / "engines"


def recorded(name: str) -> str:
    return (RECORDED / name).read_text()


def figures(kind: EngineKind, text: str) -> Figures:
    return kind.figures(text.encode())


def test_llama_cpp_says_what_it_recorded() -> None:
    assert figures(LLAMA_CPP, recorded("llamacpp_metrics.txt")) == Figures(
        running=0,
        waiting=0,
        prompt_tokens=48 + 54,
        generation_tokens=48,
        prefix_cache_hit_rate=54 / 102,
    )


def test_an_older_llama_cpp_says_how_full_its_cache_is() -> None:
    older = recorded("llamacpp_metrics.txt").replace("prompt_tokens_cached", "x") + (
        "llamacpp:kv_cache_usage_ratio 0.25\n"
    )

    got = figures(LLAMA_CPP, older)

    assert (got.kv_cache_use, got.prompt_tokens, got.prefix_cache_hit_rate) == (0.25, 48, None)


def test_vllms_cores_are_added_and_the_fullest_cache_counts() -> None:
    assert figures(VLLM, recorded("vllm_metrics.txt")) == Figures(
        running=20,
        waiting=3,
        kv_cache_use=0.97,
        preemptions=7,
        prefix_cache_hit_rate=0.25,
        prompt_tokens=10_000,
        generation_tokens=4_000,
        finished_requests={"stop": 100, "length": 10, "abort": 1},
        time_to_first_token=EngineHistogram(60_000_000, {40_000_000: 2}),
        time_per_output_token=EngineHistogram(120_000_000, {25_000_000: 2, 50_000_000: 2}),
    )


def test_vllms_older_names_are_understood() -> None:
    got = figures(VLLM, recorded("vllm_0_8_metrics.txt"))

    assert (got.kv_cache_use, got.prefix_cache_hit_rate, got.missing) == (0.42, 0.25, ())
    assert got.time_per_output_token
    assert got.time_per_output_token.count == 4


def test_a_metric_that_vanished_is_said_by_its_newest_name() -> None:
    text = recorded("vllm_metrics.txt").replace("vllm:kv_cache_usage_perc", "vllm:renamed_again")

    got = figures(VLLM, text)

    assert got.kv_cache_use is None
    assert got.missing == ("vllm:kv_cache_usage_perc",)


def test_a_histogram_that_vanished_is_said_by_its_own_name() -> None:
    text = recorded("vllm_metrics.txt").replace("vllm:time_to_first_token_seconds", "vllm:renamed_again")

    assert figures(VLLM, text).missing == ("vllm:time_to_first_token_seconds",)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (recorded("llamacpp_metrics.txt"), "LlamaCpp"),
        (recorded("vllm_metrics.txt"), "VLLM"),
        ("go_goroutines 3\nsglang:num_running_reqs 1\n", "SGLang"),
        (recorded("tgi_metrics.txt"), "TGI"),
        (recorded("trtllm_metrics.txt"), "TensorRTLLM"),
        (recorded("triton_vllm_metrics.txt"), "Triton"),
        ("# nothing\n", None),
        ("vllm_not_really 3\n", None),
    ],
)
def test_an_engine_is_told_by_its_metrics(text: str, name: str | None) -> None:
    found = detect.by_metrics(text)

    assert (found.name if found else None) == name


def test_an_engine_is_told_by_who_owns_its_models() -> None:
    models = detect.served_models(recorded("llamacpp_models.json").encode())

    weights = "type Q4_1, parameters 134515008, vocabulary 49152, bytes 96576768"
    assert models == detect.ServedModels(("SmolLM2-135M-Instruct.Q4_1.gguf",), "llamacpp", weights, 1024)
    assert detect.by_owner("llamacpp") is LLAMA_CPP
    assert detect.by_owner("") is None


def test_every_engine_of_the_table_is_told_apart() -> None:
    prefixes = [prefix for engine in ENGINES for prefix in engine.prefixes]

    assert len(set(prefixes)) == len(prefixes)
    assert not [(a, b) for a in prefixes for b in prefixes if a != b and a.startswith(b)]
    for place, engine in enumerate(ENGINES):
        passed_on = tuple(prefix for other in ENGINES[place + 1 :] for prefix in other.prefixes)
        assert all(name.startswith(engine.prefixes + passed_on) for name in engine.metrics)


@pytest.mark.parametrize(
    "line",
    [
        "llamacpp:requests_processing",
        "llamacpp:requests_processing x",
        'llamacpp:requests_processing{a="b 1',
        'llamacpp:requests_processing{a="' + "b" * 10_000 + '"} 1',
    ],
)
def test_a_broken_line_is_said(line: str) -> None:
    with pytest.raises(samples.UnreadableExposition):
        samples.read(f"{line}\n", LLAMA_CPP.metrics)


def test_more_lines_than_any_engine_has_are_refused() -> None:
    text = "".join(f'llamacpp:requests_processing{{a="{n}"}} 1\n' for n in range(samples.LINES_LIMIT + 1))

    with pytest.raises(samples.UnreadableExposition, match="limit"):
        samples.read(text, LLAMA_CPP.metrics)


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "-1", "1e300"])
def test_what_is_no_figure_is_missing(value: str) -> None:
    text = recorded("llamacpp_metrics.txt").replace("requests_processing 0", f"requests_processing {value}")

    got = figures(LLAMA_CPP, text)

    assert (got.running, got.missing) == (None, ("llamacpp:requests_processing",))


pieces = st.sampled_from(
    [
        *sorted({name for engine in ENGINES for name in engine.metrics}),
        *('le="', '0.5"', '"+Inf"', "[", "]", '"numActiveRequests":', '"models":'),
        "{",
        "}",
        '"',
        "\\",
        " ",
        "1",
        "-",
        "e9",
        "\n",
        "#",
        "=",
        ",",
        "a",
        "\x00",
        "é",
        "NaN",
    ]
)


@settings(deadline=None)
@given(st.one_of(st.text(max_size=300), st.lists(pieces, max_size=30).map("".join)))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    body = text.encode(errors="replace")
    detect.by_metrics(text)
    detect.served_models(body)
    detect.text_field(body, "version")
    for engine in ENGINES:
        detect.has_figures_of(engine, body)
        try:
            got = engine.figures(body)
        except samples.UnreadableExposition:
            continue
        assert got.kv_cache_use is None or 0 <= got.kv_cache_use <= 1
        assert got.prefix_cache_hit_rate is None or 0 <= got.prefix_cache_hit_rate <= 1


def test_weights_are_told_by_where_they_are_from_where_the_name_does_not_say() -> None:
    body = b'{"data": [{"id": "chat", "owned_by": "vllm", "root": "/models/b", "max_model_len": 4096}]}'

    models = detect.served_models(body)

    assert models == detect.ServedModels(("chat",), "vllm", "from /models/b", 4096)
    same = detect.served_models(b'{"data": [{"id": "chat", "root": "chat"}]}')
    assert same is not None
    assert same.weights == ""
