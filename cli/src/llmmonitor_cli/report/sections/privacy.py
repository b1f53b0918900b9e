"""Privacy: what may be kept of what people type, as the spec sets it, and what this page itself holds."""

from __future__ import annotations

from llmmonitor_api.spec.privacy import ContentPolicy, Privacy
from llmmonitor_api.spec.quality import Quality
from llmmonitor_cli.report.document import Block, Note, Section, Tone
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_cli.report.period import Period
from llmmonitor_cli.report.tables import table
from llmmonitor_operator.evaluate import wording


def section(material: Material, _period: Period) -> Section:
    """The settings in force."""
    note = Note(
        text="This page holds no prompt, no answer and no client's name or address; none are in the"
        " checkpoints it is made of. It does hold names that you or clients chose: of models, versions,"
        " objectives, probes and patterns."
    )
    if material.monitor is None:
        return Section(
            id="privacy",
            title="Privacy settings",
            summary="The settings are not known: no readable spec.",
            tone=Tone.UNKNOWN,
            blocks=(note,),
        )
    privacy = material.monitor.spec.privacy
    never = privacy.content is ContentPolicy.NEVER
    return Section(
        id="privacy",
        title="Privacy settings",
        summary="No content of messages leaves memory."
        if never
        else "Redacted cases for review are kept in the sidecars' memory, personal data that has a form"
        " replaced by its kind.",
        blocks=(_settings(privacy, material.monitor.spec.quality), note),
    )


def _settings(privacy: Privacy, quality: Quality) -> Block:
    review = privacy.review
    endpoints = [one.url for one in (quality.embeddings, quality.judge) if one is not None]
    return table(
        "Settings in force",
        "Setting | Value | What it does",
        [
            ("privacy.content", privacy.content.value, "What of messages may leave memory."),
            (
                "privacy.review",
                "off"
                if review is None
                else f"at most {review.max_cases} cases a pod, for"
                f" {wording.duration(review.max_age.total_seconds())}",
                "Cases that people judge, in the sidecars' memory.",
            ),
            (
                "privacy.clientHeader",
                privacy.client_header or "not set",
                "Tells clients apart, for versions and reviews; only a hash is kept, keyed by the day.",
            ),
            (
                "privacy.trustedProxies",
                str(len(privacy.trusted_proxies)),
                "Networks of proxies whose X-Forwarded-For is believed: clients' addresses, in memory alone.",
            ),
            (
                "quality.outcomes",
                "not set" if quality.outcomes is None else "on",
                "Keyed hashes of answers' ids (a day) and of conversations (half an hour), in memory alone.",
            ),
            (
                "quality.embeddings, quality.judge",
                ", ".join(endpoints) or "not set",
                "Where answers to probes are sent to be graded; nothing of live traffic is.",
            ),
        ],
    )
