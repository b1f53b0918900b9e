"""Whatever answers on the model's port costs its own figures, and never the pod's whole report."""

from __future__ import annotations

import contextlib
import math

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given, settings
from hypothesis import strategies as st

from llmmonitor_api.report.report import Engine
from llmmonitor_api.report.totals import Totals
from llmmonitor_sidecar.engines import http
from llmmonitor_sidecar.engines.figures import EngineKind
from llmmonitor_sidecar.engines.ledger import EngineLedger
from llmmonitor_sidecar.engines.samples import UnreadableExposition
from llmmonitor_sidecar.engines.scrape import EngineScraper
from llmmonitor_sidecar.engines.table import ENGINES

LABELS = ("finished_reason", "request_type", "kv_cache_block_type", "le")
WORDS = ("stop", "active", "fraction", "used", "max", "", "\u202e\u2028")
BOUNDS = ("0.1", "1", "+Inf", "NaN", "1e300", "-1")
LABEL = st.sampled_from([*WORDS, *BOUNDS, "x" * 1_000, "y" * 65])
VALUE = st.one_of(
    st.floats(),
    st.sampled_from([math.nan, math.inf, -1.0, 0.0, 1.0, 1e15, 2.0**53, 2.0**63, 1e18, 1e308]),
)
LOOK = st.lists(
    st.tuples(st.integers(0), st.dictionaries(st.sampled_from(LABELS), LABEL), VALUE), max_size=20
)


def written(kind: EngineKind, rows: list[tuple[int, dict[str, str], float]]) -> bytes:
    names = sorted(kind.metrics)
    return "".join(
        f"{names[place % len(names)]}{{"
        + ",".join(f'{name}="{label}"' for name, label in labels.items())
        + f"}} {value!r}\n"
        for place, labels, value in rows
    ).encode()


@pytest.mark.parametrize("kind", [one for one in ENGINES if one.metrics], ids=lambda one: one.name)
@settings(max_examples=50)
@given(looks=st.lists(LOOK, min_size=1, max_size=3))
def test_whatever_an_engine_counts_the_operator_can_read_it(
    kind: EngineKind, looks: list[list[tuple[int, dict[str, str], float]]]
) -> None:
    totals = Totals()
    ledger = EngineLedger(totals)
    for rows in looks:
        with contextlib.suppress(UnreadableExposition):
            ledger.take(kind.figures(written(kind, rows)))

        assert msgspec.json.decode(msgspec.json.encode(totals), type=Totals) == totals


ANSWERS = {
    "a counter beyond 63 bits": b"vllm:prompt_tokens_total 9223372036854775808\n",
    "many large gauges": b"".join(b'vllm:num_requests_running{a="%d"} 9e18\n' % n for n in range(30)),
    "3,000 finish reasons": b"".join(
        b'vllm:request_success_total{finished_reason="r%d"} 1\n' % n for n in range(3_000)
    ),
    "a long finish reason": b'vllm:request_success_total{finished_reason="%s"} 1\n' % (b"x" * 1_000),
    "no exposition": b"vllm:num_requests_running{{{\n",
    "nothing that is text": bytes(range(256)) * 64,
}


@pytest.mark.parametrize("body", ANSWERS.values(), ids=ANSWERS)
async def test_whatever_is_at_its_port_the_operator_can_read_the_engine(body: bytes) -> None:
    models = msgspec.json.encode({"data": [{"id": "m" * 100_000, "owned_by": None}, {"id": "chat"}]})
    answers = {"/metrics": body, "/v1/models": models, "/version": b'{"version": "%s"}' % (b"9" * 100_000)}

    async def answer(request: web.Request) -> web.Response:
        found = answers.get(request.path)
        return web.Response(status=404) if found is None else web.Response(body=found)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server, http.model_session() as session:
        scraper = EngineScraper(session, str(server.make_url("/")))

        engine = await scraper.scrape()

        assert msgspec.json.decode(msgspec.json.encode(engine), type=Engine) == engine
        assert scraper.served_models == ("chat",)
        assert (engine.model, engine.version) == ("chat", None)
        assert sum((engine.finished_requests or {}).values()) in {0, 1, 3_000}


async def test_a_long_answer_to_a_question_is_no_long_error() -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(headers={"X-Long": "x" * 9_000})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server, http.model_session() as session:
        engine = await EngineScraper(session, str(server.make_url("/"))).scrape()

        assert engine.error
        assert msgspec.json.decode(msgspec.json.encode(engine), type=Engine) == engine


def test_a_label_may_hold_what_other_texts_end_lines_with() -> None:
    vllm = next(one for one in ENGINES if one.name == "VLLM")
    figures = vllm.figures('vllm:num_requests_running{model_name="a\u2028b\x0c"} 3\n'.encode())

    assert figures.running == 3
