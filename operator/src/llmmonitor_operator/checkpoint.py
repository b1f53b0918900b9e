"""A monitor's state as bytes that last: one hot checkpoint per monitor, small enough for a ConfigMap.

What does not fit is left out, the least missed first, and named; nothing is ever counted twice for it. A
checkpoint of an older schema is migrated; one of a newer is refused, and the caller keeps it aside and begins
anew from `State()`.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from llmmonitor_api.report import histogram
from llmmonitor_api.report.probing import Probing
from llmmonitor_operator.condition_history import without_older_steps, without_words
from llmmonitor_operator.cost.fold import folded
from llmmonitor_operator.drift.window import Window
from llmmonitor_operator.outcomes_kept import OutcomesKept
from llmmonitor_operator.packed_features import NO_FEATURES, PackedFeatures
from llmmonitor_operator.packed_figures import read_in
from llmmonitor_operator.packed_parts import PackedParts
from llmmonitor_operator.packing import unpack
from llmmonitor_operator.review_kept import newest
from llmmonitor_operator.state import State
from llmmonitor_operator.versions.canaries import Canaries
from llmmonitor_operator.versions.history import begun_anew
from llmmonitor_operator.windows import COUNT_TIERS, FIGURE_TIERS, FINEST

SCHEMA = 1
"""Changes with every change of `State` that old bytes cannot be read as."""
BYTES_LIMIT = 64 * 1024
"""Compressed, of one monitor."""
_VERDICTS_LEFT = 50
"""Batches of cases, where there is no room for all."""
_DECOMPRESSED_LIMIT = 32 * 1024 * 1024
_PIECE_BYTES = 64 * 1024
"""Compressed at a time."""
_LAYOUT = (
    histogram.LAYOUT,
    *((tier.cell_seconds, tier.cells) for tier in COUNT_TIERS),
    *((tier.cell_seconds, tier.cells) for tier in FIGURE_TIERS),
)


Migration = Callable[[str, dict[str, Any]], tuple[str, dict[str, Any]]]
"""From layout and state as one schema has them to those of the next; the state as plain values."""
MIGRATIONS: Mapping[int, Migration] = {}
"""By the schema they begin with: whoever raises SCHEMA says here what becomes of the one before."""


class UnreadableCheckpoint(ValueError):
    """Bytes that are no checkpoint of this schema; the message says why."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A checkpoint."""

    data: bytes
    left_out: tuple[str, ...]
    """What did not fit, in words; empty when all of it did."""


def encode(state: State, limit: int = BYTES_LIMIT) -> Encoded:
    """`state` in at most `limit` bytes.

    Raises:
        ValueError: if not even a state without windows and sources fits.
    """
    state = _without_what_comes_again(state)
    left_out: list[str] = []
    packed = PackedParts()
    data = _compressed(state, packed, limit)
    for name, reduce_state in _REDUCTIONS:
        if data is not None:
            break
        state = reduce_state(state)
        data = _compressed(state, packed, limit)
        left_out.append(name)
    if data is None:
        raise ValueError(f"with all left out that may be, a checkpoint has more than {limit} bytes")
    return Encoded(data, tuple(left_out))


def decode(data: bytes) -> State:
    """The state.

    Raises:
        UnreadableCheckpoint: if it is damaged, too large, or of another schema or layout.
    """
    try:
        plain = _decompressed(data)
        document = msgspec.msgpack.decode(plain, type=tuple[int, str, dict[str, Any]], ext_hook=unpack)
        return _state(*document)
    except (zlib.error, msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UnreadableCheckpoint(f"no checkpoint of ours: {error}") from error


def _decompressed(data: bytes) -> bytes:
    stream = zlib.decompressobj()
    plain = stream.decompress(data, _DECOMPRESSED_LIMIT)
    if not stream.eof:
        raise ValueError(f"cut off, or larger than {_DECOMPRESSED_LIMIT} bytes")
    return plain


def _state(schema: int, layout: str, state: dict[str, Any]) -> State:
    schema, layout, state = migrated(schema, layout, state, MIGRATIONS)
    if (schema, layout) != (SCHEMA, str(_LAYOUT)):
        raise ValueError(
            f"schema {schema} {layout}; this version reads {SCHEMA} {_LAYOUT}, windows begin anew"
        )
    if not _is_finite(state):
        raise ValueError("a time or figure that is no number")
    found = msgspec.convert(state, State, dec_hook=read_in)
    tiers = len(found.counts), len(found.figures), len(found.figures_from) or len(FIGURE_TIERS)
    if tiers != (len(COUNT_TIERS), len(FIGURE_TIERS), len(FIGURE_TIERS)):
        raise ValueError(f"{tiers} tiers of counts, figures and their begins")
    return found


def _is_finite(plain: object) -> bool:
    if isinstance(plain, dict):
        return all(map(_is_finite, plain.values()))
    if isinstance(plain, list):
        return all(map(_is_finite, plain))
    return not isinstance(plain, float) or math.isfinite(plain)


def migrated(
    schema: int, layout: str, state: dict[str, Any], migrations: Mapping[int, Migration]
) -> tuple[int, str, dict[str, Any]]:
    """As far forward as the migrations lead from this schema, one after the other."""
    while schema in migrations:
        layout, state = migrations[schema](layout, state)
        schema += 1
    return schema, layout, state


def _compressed(state: State, packed: PackedParts, limit: int) -> bytes | None:
    """None if that is more than `limit` bytes, which shows long before a thousand pods are compressed."""
    plain = memoryview(msgspec.msgpack.encode((SCHEMA, str(_LAYOUT), packed.of(state))))
    stream = zlib.compressobj(level=6)
    data = bytearray()
    for begin in range(0, len(plain), _PIECE_BYTES):
        data += stream.compress(plain[begin : begin + _PIECE_BYTES])
        if len(data) > limit:
            return None
    data += stream.flush()
    return bytes(data) if len(data) <= limit else None


def _without_figures(place: int) -> Callable[[State], State]:
    def reduce_state(state: State) -> State:
        tiers = tuple({} if n == place else cells for n, cells in enumerate(state.figures))
        begins = tuple(
            state.newest_at or begin if n == place else begin for n, begin in enumerate(state.figures_from)
        )
        since = {} if place == FINEST else state.figures_since
        return msgspec.structs.replace(state, figures=tiers, figures_from=begins, figures_since=since)

    return reduce_state


def _without_counts(place: int) -> Callable[[State], State]:
    def reduce_state(state: State) -> State:
        tiers = tuple({} if n == place else cells for n, cells in enumerate(state.counts))
        return msgspec.structs.replace(state, counts=tiers)

    return reduce_state


def _without_what_comes_again(state: State) -> State:
    """With the next report: GPUs and features of a hundred pods would take the room of what is counted.

    And what single clients met is nobody's to keep, nor which were there: who restores this has another key.
    """
    pods = {
        uid: msgspec.structs.replace(
            pod,
            boots=tuple(
                msgspec.structs.replace(
                    one,
                    gpus=None,
                    interactions=None,
                    requests=None,
                    clients=None,
                    features=_if_none(one.features),
                    probing=_without_canaries_of(one.probing),
                )
                for one in pod.boots
            ),
        )
        for uid, pod in state.pods.items()
    }
    versions, comparison = state.versions, state.versions.comparison
    if comparison is not None:
        comparison = msgspec.structs.replace(comparison, seen=b"")
        versions = msgspec.structs.replace(versions, comparison=comparison)
    asked = {
        uid: msgspec.structs.replace(one, doubtful=()) if one.doubtful else one
        for uid, one in state.canaries.pods.items()
    }
    canaries = msgspec.structs.replace(state.canaries, pods=asked)
    return msgspec.structs.replace(state, pods=pods, versions=versions, canaries=canaries)


def _without_canaries_of(probing: Probing | None) -> Probing | None:
    return None if probing is None else msgspec.structs.replace(probing, canaries=None)


def _if_none(features: PackedFeatures | None) -> PackedFeatures | None:
    return features if features == NO_FEATURES else None


def _without_sources(state: State) -> State:
    """Sources begin anew from where they are: what they counted since their last report is lost."""
    return msgspec.structs.replace(state, pods={}, forgotten_until=state.newest_at)


def _without_open_window(state: State) -> State:
    return msgspec.structs.replace(state, drift=msgspec.structs.replace(state.drift, open=Window()))


def _without_comparison(state: State) -> State:
    versions = msgspec.structs.replace(state.versions, comparison=None)
    return msgspec.structs.replace(state, versions=versions)


def _without_hours_of_versions(state: State) -> State:
    versions = tuple(msgspec.structs.replace(one, hours={}) for one in state.versions.versions)
    return msgspec.structs.replace(state, versions=msgspec.structs.replace(state.versions, versions=versions))


def _with_one_pod_of_each_version(state: State) -> State:
    """With none a version that runs beside another would be taken for a change of the model."""
    one_of = {name: uid for uid, name in state.versions.running.items()}
    running = {uid: name for name, uid in one_of.items()}
    return msgspec.structs.replace(state, versions=msgspec.structs.replace(state.versions, running=running))


def _without_versions(state: State) -> State:
    """They begin anew with what runs, which is no change of the model."""
    known = state.versions
    return msgspec.structs.replace(state, versions=begun_anew(known, known.by, known.label))


def _without_older_rounds(state: State) -> State:
    quality = msgspec.structs.replace(state.quality, rounds=state.quality.rounds[-1:])
    return msgspec.structs.replace(state, quality=quality)


def _without_rounds(state: State) -> State:
    """Sidecars say their newest again."""
    quality = msgspec.structs.replace(state.quality, rounds=(), baseline=None)
    return msgspec.structs.replace(state, quality=quality)


def _without_outcomes(state: State) -> State:
    """But for which were beyond their limits."""
    return msgspec.structs.replace(state, outcomes=OutcomesKept(poor=state.outcomes.poor))


def _without_canaries(state: State) -> State:
    """What runs is then taken for the model that it was."""
    return msgspec.structs.replace(state, canaries=Canaries())


def _without_pairs(state: State) -> State:
    return msgspec.structs.replace(state, quality=msgspec.structs.replace(state.quality, pairs=()))


def _without_past_of_models(state: State) -> State:
    versions = msgspec.structs.replace(state.versions, past=())
    canaries = msgspec.structs.replace(state.canaries, hours={})
    return msgspec.structs.replace(state, versions=versions, canaries=canaries)


def _without_older_verdicts(state: State) -> State:
    kept = state.review
    subjects = newest(kept.subjects, _VERDICTS_LEFT)
    return msgspec.structs.replace(state, review=msgspec.structs.replace(kept, subjects=subjects))


def _without_words_of_conditions(state: State) -> State:
    return msgspec.structs.replace(state, condition_history=without_words(state.condition_history))


def _without_older_steps(state: State) -> State:
    return msgspec.structs.replace(state, condition_history=without_older_steps(state.condition_history))


def _with_cost_by_the_month(state: State) -> State:
    return msgspec.structs.replace(state, cost=folded(state.cost))


def _without_valid_spec(state: State) -> State:
    return msgspec.structs.replace(state, valid_spec="")


_REDUCTIONS: tuple[tuple[str, Callable[[State], State]], ...] = (
    ("single days of cost of a quarter ago and more; by the month they are in", _with_cost_by_the_month),
    ("what conditions said when they changed, but for the newest", _without_words_of_conditions),
    ("figures of the last minutes", _without_figures(0)),
    ("figures by the hour", _without_figures(2)),
    ("the window of drift that is being filled", _without_open_window),
    ("the comparison of versions", _without_comparison),
    ("events of versions by the hour", _without_hours_of_versions),
    ("rounds of probes before the newest", _without_older_rounds),
    ("events of the last minutes", _without_counts(0)),
    ("figures of the last hour", _without_figures(1)),
    ("people's verdicts before the newest", _without_older_verdicts),
    ("changes of the model and rounds of canaries before the newest", _without_past_of_models),
    ("changes of conditions before the newest", _without_older_steps),
    ("events by the day", _without_counts(3)),
    ("the sources' counters", _without_sources),
    ("which version runs on which pod, but for one of each", _with_one_pod_of_each_version),
    ("what models canaries were asked of", _without_canaries),
    ("rounds of probes", _without_rounds),
    ("outcomes of live traffic", _without_outcomes),
    ("versions of the model", _without_versions),
    ("outcomes of counterfactual pairs", _without_pairs),
    ("the last valid spec", _without_valid_spec),
    ("events by the minute", _without_counts(1)),
    ("events by the hour", _without_counts(2)),
)
"""What is left out, in this order, until the rest fits."""
