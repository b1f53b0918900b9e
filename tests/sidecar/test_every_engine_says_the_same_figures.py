from __future__ import annotations

from pathlib import Path

import pytest
from tests.sidecar.engine_docs import ANSWERS, Answer, main, normalised, render

from llmmonitor_api.report.engine_counts import BOUNDS_LIMIT, EngineHistogram
from llmmonitor_sidecar.engines import samples
from llmmonitor_sidecar.engines.figures import UNSAID, EngineKind, Figures
from llmmonitor_sidecar.engines.sglang import SGLANG
from llmmonitor_sidecar.engines.table import ENGINES
from llmmonitor_sidecar.engines.tgi import TGI
from llmmonitor_sidecar.engines.triton import TRITON
from llmmonitor_sidecar.engines.trtllm import TENSORRT_LLM
from llmmonitor_sidecar.engines.vllm import VLLM

PAGE = Path(__file__).parents[2] / "docs" / "engines.md"
NANO = 10**9


def of(title: str) -> Answer:
    return next(one for one in ANSWERS if one.title == title)


def seconds(sum_seconds: float, overflow: int = 0, /, **buckets: int) -> EngineHistogram:
    """Buckets by bound, spelled `b0_1` for 0.1 s."""
    bounds = {round(float(name[1:].replace("_", ".")) * NANO): n for name, n in buckets.items()}
    return EngineHistogram(round(sum_seconds * NANO), bounds, overflow)


EXPECTED = {
    "vLLM 0.26": Figures(
        running=8,
        waiting=32,
        kv_cache_use=0.010702500222968703,
        preemptions=0,
        prefix_cache_hit_rate=50_480 / 62_424,
        prompt_tokens=62_424,
        generation_tokens=327_253,
        finished_requests={"stop": 321, "length": 781, "abort": 0, "error": 0, "repetition": 0},
        time_to_first_token=seconds(
            1859.003017426,
            b0_01=7,
            b0_02=622,
            b0_04=281,
            b0_06=28,
            b0_08=12,
            b0_1=4,
            b0_5=1,
            b5=16,
            b10=8,
            b20=136,
        ),
        time_per_output_token=seconds(703.573969627, b0_01=324_390, b0_025=1645, b0_05=101, b0_1=2),
    ),
    "SGLang": Figures(
        running=5,
        waiting=2,
        kv_cache_use=0.31,
        preemptions=3,
        prefix_cache_hit_rate=0.25,
        prompt_tokens=8000,
        generation_tokens=3000,
        finished_requests={UNSAID: 40},
        time_to_first_token=seconds(5.75, b0_1=20, b0_2=15, b0_6=5),
        time_per_output_token=seconds(1.58, b0_015=90, b0_06=10),
    ),
    "SGLang 0.3": Figures(
        running=2,
        waiting=1,
        kv_cache_use=0.01,
        prompt_tokens=506_780,
        generation_tokens=424_549,
        time_to_first_token=seconds(0.15, b0_06=3),
        time_per_output_token=seconds(0.08, b0_02=4),
    ),
    "Triton, TensorRT-LLM": Figures(
        running=4,
        waiting=1,
        kv_cache_use=0.25,
        prompt_tokens=480,
        generation_tokens=1200,
        finished_requests={UNSAID: 12},
    ),
    "Triton, vLLM": Figures(
        running=2,
        waiting=0,
        kv_cache_use=0.125,
        preemptions=1,
        prompt_tokens=210,
        generation_tokens=700,
        finished_requests={UNSAID: 7},
        time_to_first_token=seconds(0.49, b0_08=7),
        time_per_output_token=seconds(1.4, b0_025=70),
    ),
    "trtllm-serve": Figures(
        running=5,
        waiting=3,
        kv_cache_use=0.6,
        prefix_cache_hit_rate=0.4,
        prompt_tokens=600,
        generation_tokens=2000,
        finished_requests={"stop": 15, "length": 5},
        time_to_first_token=seconds(0.6, b0_04=20),
        time_per_output_token=seconds(0.16, b0_01=20),
    ),
    "trtllm-serve, JSON": Figures(running=5, waiting=3, kv_cache_use=0.6, prefix_cache_hit_rate=0.85),
    "Ollama": Figures(),
}


@pytest.mark.parametrize("title", EXPECTED)
def test_what_an_engine_says_becomes_the_same_figures(title: str) -> None:
    assert of(title).figures() == EXPECTED[title]


def test_tgi_counts_by_its_histograms() -> None:
    got = of("TGI").figures()

    assert (got.running, got.waiting, got.prompt_tokens, got.generation_tokens) == (8, 4, 2600, 1300)
    assert got.finished_requests == {UNSAID: 26}, "requests it refused are none that it finished"
    assert got.time_per_output_token is not None
    assert (got.time_per_output_token.count, got.time_per_output_token.sum) == (26, 0.78)


def test_every_engine_of_the_table_has_an_answer_in_it() -> None:
    assert {one.kind for one in ANSWERS} == set(ENGINES)
    assert all(len(row) == len(ANSWERS) + 1 for row in normalised())


def test_the_page_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        for row in normalised():
            print(" | ".join(row))  # noqa: T201 - the table, for whoever runs this alone

    assert main(["--check", str(PAGE)]) == 0, "run: python -m tests.sidecar.engine_docs"


def test_a_stale_page_fails_the_check(tmp_path: Path) -> None:
    page = tmp_path / "engines.md"

    assert (main(["--check", str(page)]), main([str(page)]), main(["--check", str(page)])) == (1, 0, 0)
    assert page.read_text() == render()


def test_names_with_an_underscore_are_sglangs_too() -> None:
    text = of("SGLang").body().decode().replace("sglang:", "sglang_")

    assert SGLANG.figures(text.encode()) == EXPECTED["SGLang"]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (SGLANG, 'sglang:num_running_reqs{m="a"} 0\nsglang:num_queue_reqs 0\nsglang:token_usage 0\n'),
        (TGI, "tgi_queue_size 0\n"),
        (TENSORRT_LLM, "trtllm_num_requests_running 0\n"),
    ],
)
def test_counters_that_come_with_the_first_request_are_not_missing_before(
    kind: EngineKind, text: str
) -> None:
    got = kind.figures((text + "sglang:cache_hit_rate 0\n").encode())

    assert (got.prompt_tokens, got.generation_tokens, got.missing) == (None, None, ())


def test_an_engine_that_iterated_no_more_says_nothing() -> None:
    assert TENSORRT_LLM.figures(b"[]") == Figures()


@pytest.mark.parametrize(
    "body", [b"[{}]", b'[{"numActiveRequests": -1, "kvCacheStats": {"usedNumBlocks": -5}}]']
)
def test_iterations_without_figures_are_none(body: bytes) -> None:
    assert TENSORRT_LLM.figures(body) == Figures()


def test_an_answer_that_is_not_ollamas_is_refused() -> None:
    with pytest.raises(samples.UnreadableExposition, match="no answer of Ollama"):
        of("Ollama").kind.figures(b"<html>")


def test_cores_with_other_bounds_are_added_by_bound() -> None:
    text = "".join(
        f'vllm:time_to_first_token_seconds_bucket{{engine="{engine}",le="{bound}"}} {until}\n'
        for engine, buckets in (
            ("0", (("0.1", 3), ("+Inf", 5))),
            ("1", (("0.2", 1), ("1.0", 4), ("+Inf", 4))),
        )
        for bound, until in buckets
    )

    got = VLLM.figures(text.encode()).time_to_first_token

    assert got == seconds(0, 2, b0_1=3, b0_2=1, b1_0=3)


@pytest.mark.parametrize(
    "lines",
    [
        'vllm:time_to_first_token_seconds_bucket{le="soon"} 1\n',
        'vllm:time_to_first_token_seconds_bucket{le="-1"} 1\n',
        'vllm:time_to_first_token_seconds_bucket{le="1e300"} 1\n',
        'vllm:time_to_first_token_seconds_bucket{le="nan"} 1\n',
        "".join(
            f'vllm:time_to_first_token_seconds_bucket{{le="{bound}"}} {bound}\n'
            for bound in range(1, BOUNDS_LIMIT + 3)
        ),
    ],
)
def test_a_histogram_with_bounds_that_are_none_or_too_many_is_left_out(lines: str) -> None:
    assert VLLM.figures(lines.encode()).time_to_first_token is None


def test_of_several_models_the_fullest_cache_counts() -> None:
    block = 'nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="%s",model="%s"} %s\n'
    active = 'nv_trt_llm_request_metrics{request_type="active"} 1\n'
    shares = "".join(block % ("fraction", model, 0.6) for model in "ab")
    numbers = "".join(block % (kind, "a", n) for kind, n in (("used", 9), ("max", 10)))
    numbers += "".join(block % (kind, "b", n) for kind, n in (("used", 0), ("max", 90)))

    assert TRITON.figures((active + shares).encode()).kv_cache_use == 0.6
    assert TRITON.figures((active + numbers).encode()).kv_cache_use == 0.9


def test_a_version_that_counts_in_percent_is_not_taken_to_be_full() -> None:
    figures = VLLM.figures(b"vllm:kv_cache_usage_perc 31\n")

    assert figures.kv_cache_use is None
    assert "vllm:kv_cache_usage_perc" in figures.missing
