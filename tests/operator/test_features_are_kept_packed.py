"""Counts of features of ten thousand replicas are kept as bytes, and nothing differs for it."""

from __future__ import annotations

import sys

import msgspec
import pytest

from llmmonitor_api.report.features import FEATURES, VOCABULARY, VOCABULARY_BUCKETS, FeatureCounts
from llmmonitor_operator.packed_features import NO_FEATURES, PackedFeatures
from llmmonitor_operator.packed_figures import read_in, written_out


def busy() -> FeatureCounts:
    """Of a replica that has answered a million requests of every kind."""
    counts = {name: {bucket: 9_000 + bucket for bucket in range(24)} for name in FEATURES}
    counts[VOCABULARY] = {bucket: 700_000 + bucket for bucket in range(VOCABULARY_BUCKETS)}
    completions = {stratum: dict.fromkeys(range(20), 50000) for stratum in range(14)}
    return FeatureCounts(10**6, counts, completions, texts=10**6, known={VOCABULARY: 10**6})


@pytest.mark.parametrize("features", [FeatureCounts(), busy(), FeatureCounts(2**63 - 1)])
def test_they_come_back_as_they_were(features: FeatureCounts) -> None:
    packed = PackedFeatures(features)

    assert packed.unpacked() == features
    assert packed == PackedFeatures(msgspec.structs.replace(features))
    assert (packed == NO_FEATURES) is (features == FeatureCounts())


def test_they_are_equal_in_whatever_order_buckets_came() -> None:
    one, other = (FeatureCounts(3, {"Turns": buckets}) for buckets in ({1: 2, 5: 1}, {5: 1, 1: 2}))

    assert PackedFeatures(one) == PackedFeatures(other)
    assert hash(PackedFeatures(one)) == hash(PackedFeatures(other))
    assert PackedFeatures(one) != PackedFeatures(FeatureCounts(3, {"Turns": {1: 3}}))


def test_they_take_a_tenth_of_the_memory_of_maps() -> None:
    features = busy()
    maps = [*features.counts.values(), *features.completions.values()]
    plain = sum(sys.getsizeof(one) + sum(map(sys.getsizeof, one.values())) for one in maps)

    assert PackedFeatures(features).size < plain / 10


def test_they_are_written_out_as_plain_counts_and_read_in_again() -> None:
    plain = msgspec.to_builtins(PackedFeatures(busy()), enc_hook=written_out)

    assert plain == msgspec.to_builtins(busy())
    assert msgspec.convert(plain, PackedFeatures, dec_hook=read_in) == PackedFeatures(busy())
