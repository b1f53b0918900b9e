"""What `/healthz` says in a glance; all of it stands in the report too."""

from __future__ import annotations

from typing import Any

from llmmonitor_api.report.report import Report


def health(report: Report) -> dict[str, Any]:
    """`ok`, `degraded` with the reason while traffic is wanted and not read, `idle` once stopped."""
    interception = report.interception
    wanted = interception.mode != "off"
    working = not wanted or (interception.reading and interception.relay_alive)
    return {
        "status": "idle" if interception.reason == "Stopped" else "ok" if working else "degraded",
        "mode": interception.mode,
        "reading": interception.reading,
        "reason": interception.reason,
        "message": interception.message,
        "relayAlive": interception.relay_alive,
        "modelListening": interception.model_listening,
        "inFlight": report.live.in_flight,
        "uptimeSeconds": round(report.uptime_seconds, 1),
        "version": report.identity.sidecar_version,
        "configurationGeneration": report.identity.configuration_generation,
    }
