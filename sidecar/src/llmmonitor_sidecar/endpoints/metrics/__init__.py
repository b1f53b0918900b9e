"""A report as Prometheus metrics, computed at scrape.

Names are OpenTelemetry's GenAI conventions where they have one (semantic-conventions-genai, metrics), with
units as Prometheus spells them; the others begin with `llm_monitor_`. One module per part of the report, all
of them functions from figures to metric families; `exposition` writes them down.
"""
