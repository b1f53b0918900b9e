"""After a signed request some more may follow that show a link of its chain: each once, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from llmmonitor_api.signing import (
    Refused,
    RefusedReason,
    RequestVerifier,
    generate_private_key,
    key_id,
    sign_request,
)
from llmmonitor_api.signing.links import CHAINS_LIMIT, LINKS, VALID_FOR_SECONDS, Chain
from llmmonitor_api.signing.request import VALID_FOR_SECONDS as REQUEST_SECONDS
from llmmonitor_api.signing.token import SKEW_SECONDS

NOW = 1_800_000_000.0
POD = "pod-uid"
KEY = generate_private_key()
PATH = "/v1/report"


def begun(verifier: RequestVerifier, now: float = NOW) -> Chain:
    chain = Chain(now)
    verifier.verify(sign_request("GET", PATH, KEY, POD, now, chain), "GET", PATH, now)
    return chain


def refused(ask: Callable[[], None]) -> RefusedReason:
    with pytest.raises(Refused) as error:
        ask()
    return error.value.reason


@pytest.fixture
def verifier() -> RequestVerifier:
    return RequestVerifier({key_id(KEY): KEY.public_key()}, POD)


def test_all_links_are_good_in_order_and_then_a_signature_is_due(verifier: RequestVerifier) -> None:
    chain = begun(verifier)

    for number in range(LINKS):
        verifier.verify(chain.following(NOW + number), "GET", PATH, NOW + number)

    assert chain.following(NOW + LINKS) == ""


def test_a_link_is_good_once_and_so_are_those_before_it(verifier: RequestVerifier) -> None:
    chain = begun(verifier)
    first, lost, third = (chain.following(NOW) for _ in range(3))
    verifier.verify(first, "GET", PATH, NOW)
    verifier.verify(third, "GET", PATH, NOW)

    for link in (first, lost, third):
        assert refused(lambda link=link: verifier.verify(link, "GET", PATH, NOW)) is RefusedReason.REPLAYED  # type: ignore[misc]  # bound now
    verifier.verify(chain.following(NOW), "GET", PATH, NOW)


def test_the_signed_anchor_itself_is_no_link(verifier: RequestVerifier) -> None:
    chain = begun(verifier)
    link = f"Link {chain.name}.{chain.anchor}"

    assert refused(lambda: verifier.verify(link, "GET", PATH, NOW)) is RefusedReason.REPLAYED


@pytest.mark.parametrize(
    ("change", "method", "path", "later", "reason"),
    [
        (
            lambda link: link[:-2] + ("AA" if link[-2:] != "AA" else "BA"),
            "GET",
            PATH,
            0,
            RefusedReason.FORGED,
        ),
        (lambda _: "Link nobody." + "A" * 43, "GET", PATH, 0, RefusedReason.UNKNOWN_CHAIN),
        (lambda link: link[:-3], "GET", PATH, 0, RefusedReason.MALFORMED),
        (lambda link: link[:-3] + "ä", "GET", PATH, 0, RefusedReason.MALFORMED),
        (lambda link: link, "DELETE", PATH, 0, RefusedReason.OTHER_REQUEST),
        (lambda link: link, "GET", "/v1/review", 0, RefusedReason.OTHER_REQUEST),
        (lambda link: link, "GET", PATH, VALID_FOR_SECONDS + SKEW_SECONDS + 1, RefusedReason.EXPIRED),
    ],
)
def test_nothing_else_is_taken_and_the_chain_goes_on(  # noqa: PLR0913, PLR0917 - the table
    verifier: RequestVerifier,
    change: Callable[[str], str],
    method: str,
    path: str,
    later: float,
    reason: RefusedReason,
) -> None:
    chain = begun(verifier)
    link = chain.following(NOW)

    assert refused(lambda: verifier.verify(change(link), method, path, NOW + later)) is reason
    verifier.verify(link, "GET", PATH, NOW)


def test_a_chain_is_of_the_one_pod_that_it_was_signed_for(verifier: RequestVerifier) -> None:
    chain = begun(verifier)
    other = RequestVerifier({key_id(KEY): KEY.public_key()}, "another")

    assert (
        refused(lambda: other.verify(chain.following(NOW), "GET", PATH, NOW)) is RefusedReason.UNKNOWN_CHAIN
    )


def test_chains_of_keys_that_are_believed_no_more_end(verifier: RequestVerifier) -> None:
    chain = begun(verifier)
    verifier.trust({})

    assert (
        refused(lambda: verifier.verify(chain.following(NOW), "GET", PATH, NOW))
        is RefusedReason.UNKNOWN_CHAIN
    )


def test_a_chain_begins_with_no_request_that_was_refused(verifier: RequestVerifier) -> None:
    chain = Chain(NOW)
    stranger = sign_request("GET", PATH, generate_private_key(), POD, NOW, chain)

    assert refused(lambda: verifier.verify(stranger, "GET", PATH, NOW)) is RefusedReason.UNKNOWN_KEY
    assert (
        refused(lambda: verifier.verify(chain.following(NOW), "GET", PATH, NOW))
        is RefusedReason.UNKNOWN_CHAIN
    )


def test_a_link_that_was_kept_from_arriving_ends_with_the_first_of_a_later_chain(
    verifier: RequestVerifier,
) -> None:
    chain = begun(verifier)
    kept_back = chain.following(NOW)
    later = begun(verifier, NOW + 15)

    verifier.verify(later.following(NOW + 30), "GET", PATH, NOW + 30)

    for link in (kept_back, chain.following(NOW + 30)):
        assert (
            refused(lambda link=link: verifier.verify(link, "GET", PATH, NOW + 30))  # type: ignore[misc]  # bound now
            is RefusedReason.UNKNOWN_CHAIN
        )
    verifier.verify(later.following(NOW + 45), "GET", PATH, NOW + 45)


def test_a_link_of_an_older_chain_ends_no_later_one(verifier: RequestVerifier) -> None:
    older, later = begun(verifier), begun(verifier, NOW + 15)

    verifier.verify(older.following(NOW + 30), "GET", PATH, NOW + 30)

    verifier.verify(later.following(NOW + 30), "GET", PATH, NOW + 30)


def test_who_began_anew_takes_again_what_was_signed_within_minutes_and_no_longer() -> None:
    chain = Chain(NOW)
    signed, link = sign_request("GET", PATH, KEY, POD, NOW, chain), chain.following(NOW)
    at = NOW + REQUEST_SECONDS + SKEW_SECONDS
    anew, later = (RequestVerifier({key_id(KEY): KEY.public_key()}, POD) for _ in range(2))

    anew.verify(signed, "GET", PATH, at)
    anew.verify(link, "GET", PATH, NOW + VALID_FOR_SECONDS + SKEW_SECONDS)

    for again in (signed, link):
        with pytest.raises(Refused):
            anew.verify(again, "GET", PATH, at)
    assert refused(lambda: later.verify(signed, "GET", PATH, at + 1)) is RefusedReason.EXPIRED


def test_few_chains_are_remembered_the_newest(verifier: RequestVerifier) -> None:
    chains = [begun(verifier) for _ in range(CHAINS_LIMIT + 1)]

    oldest, *others = [one.following(NOW) for one in chains]
    assert refused(lambda: verifier.verify(oldest, "GET", PATH, NOW)) is RefusedReason.UNKNOWN_CHAIN
    for link in others:
        verifier.verify(link, "GET", PATH, NOW)


@pytest.mark.parametrize("later", [VALID_FOR_SECONDS, -1.0])
def test_who_asks_signs_anew_when_the_time_is_over_or_the_clock_was_put_back(later: float) -> None:
    assert Chain(NOW).following(NOW + later) == ""
