"""A replica's `/metrics`: the figures that the operator takes from its report, under the sidecar's own names.

Written down by hand, since the real exposition takes a millisecond and ten thousand of them would leave the
machine nothing: what is measured is who reads it. A test holds that the real sidecar says the same figures
under the same names.
"""

from __future__ import annotations

from bench.fleet.traffic import ENGINE, LIVE, MODEL, READING, RESOURCES, Buckets, Replica

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SERIES = (
    f'gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_request_model="{MODEL}",'
    f'gen_ai_request_stream="true",gen_ai_response_model="{MODEL}"'
)


def exposition(replica: Replica) -> bytes:
    """The body."""
    lines: list[str] = []
    for name, buckets in (
        ("gen_ai_server_time_to_first_token_seconds", replica.first_token),
        ("gen_ai_server_time_per_output_token_seconds", replica.per_token),
        ("gen_ai_server_request_duration_seconds", replica.duration),
    ):
        _histogram(lines, name, buckets)
    for name, labels, value in _counters(replica):
        lines.append(f"# TYPE {name} counter\n{name}{labels} {value}")
    for name, labels, value in _gauges(replica):
        lines.append(f"# TYPE {name} gauge\n{name}{labels} {value}")
    return ("\n".join(lines) + "\n").encode()


def _histogram(lines: list[str], name: str, buckets: Buckets) -> None:
    lines.append(f"# TYPE {name} histogram")
    seen = 0
    for bound, count in zip((*buckets.bounds, "+Inf"), buckets.counts, strict=True):
        seen += count
        lines.append(f'{name}_bucket{{{_SERIES},le="{bound}"}} {seen}')
    lines.append(f"{name}_sum{{{_SERIES}}} {buckets.sum}\n{name}_count{{{_SERIES}}} {seen}")


def _counters(replica: Replica) -> list[tuple[str, str, float]]:
    totals = replica.totals
    (series,) = totals.traffic.values()
    path = totals.interception
    found: list[tuple[str, str, float]] = [
        ("llm_monitor_requests_begun_total", "", totals.begun),
        *(
            ("llm_monitor_requests_total", f'{{{_SERIES},outcome="{outcome}"}}', count)
            for outcome, count in series.outcomes.items()
        ),
        *(
            ("llm_monitor_finish_reasons_total", f'{{{_SERIES},finish_reason="{reason}"}}', count)
            for reason, count in series.finish_reasons.counts.items()
        ),
        *(
            ("llm_monitor_token_sources_total", f'{{{_SERIES},source="{source}"}}', count)
            for source, count in series.token_sources.items()
        ),
        (
            "llm_monitor_tokens_total",
            f'{{{_SERIES},gen_ai_token_type="input",exact="true"}}',
            series.prompt_tokens_exact,
        ),
        (
            "llm_monitor_tokens_total",
            f'{{{_SERIES},gen_ai_token_type="output",exact="true"}}',
            series.completion_tokens_exact,
        ),
        ("llm_monitor_relay_connections_total", "", path.accepted),
        ("llm_monitor_relay_bytes_total", '{to="model"}', path.bytes_to_model),
        ("llm_monitor_relay_bytes_total", '{to="client"}', path.bytes_to_client),
    ]
    for one in totals.objectives.values():
        labels = f'objective="{one.name}",signal="{one.signal}",threshold="{one.threshold}"'
        labels += ',models="",operations=""'
        for result, count in (("good", one.good), ("bad", one.bad)):
            found.append(("llm_monitor_objective_events_total", f'{{{labels},result="{result}"}}', count))
    return found


def _gauges(replica: Replica) -> list[tuple[str, str, float]]:
    return [
        ("llm_monitor_start_time_seconds", "", replica.started_at),
        ("llm_monitor_configuration_generation", "", replica.generation),
        ("llm_monitor_requests_in_flight", "", LIVE.in_flight),
        ("llm_monitor_last_request_age_seconds", "", LIVE.last_request_age_seconds or 0),
        ("llm_monitor_interception_reading", "", int(READING.reading)),
        ("llm_monitor_relay_alive", "", int(READING.relay_alive)),
        ("llm_monitor_model_listening", "", int(READING.model_listening)),
        ("llm_monitor_model_connections", '{read="true"}', READING.read_connections),
        ("llm_monitor_model_processes_visible", "", int(RESOURCES.processes_visible)),
        ("llm_monitor_model_cpu_cores_used", "", RESOURCES.cpu_cores_used or 0),
        ("llm_monitor_model_memory_used_bytes", "", RESOURCES.memory_used_bytes or 0),
        ("llm_monitor_model_memory_limit_bytes", "", RESOURCES.memory_limit_bytes or 0),
        ("llm_monitor_sidecar_resident_memory_bytes", "", RESOURCES.sidecar_rss_bytes),
        ("llm_monitor_engine_requests_running", "", ENGINE.running or 0),
        ("llm_monitor_engine_requests_waiting", "", ENGINE.waiting or 0),
        ("llm_monitor_engine_kv_cache_used_ratio", "", ENGINE.kv_cache_use or 0),
    ]
