"""X-Forwarded-For: believed of trusted proxies alone, and only what they wrote."""

from __future__ import annotations

import pytest
from tests.operator.conftest import monitor_with
from tests.sidecar.detectors.conversation import Chat

from llmmonitor_operator.configure import configuration_for
from llmmonitor_sidecar.analyser.limits import HEADER_VALUE_BYTES
from llmmonitor_sidecar.signals.forwarded import Proxies

PROXY, CLIENT, OTHER = "10.0.0.7", "203.0.113.9", "198.51.100.4"
FAR = ", ".join(["192.0.2.1"] * 40)


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        (PROXY, CLIENT, CLIENT),
        (PROXY, f"{OTHER}, {CLIENT}", CLIENT),
        (PROXY, f"{OTHER}, {CLIENT}, 10.1.1.1, 10.2.2.2", CLIENT),
        (PROXY, "10.1.1.1,10.2.2.2", "10.1.1.1"),
        (PROXY, f"{CLIENT}:40123", CLIENT),
        (PROXY, "[2001:db8::1]:443", "2001:db8::1"),
        (PROXY, "2001:DB8:0::1", "2001:db8::1"),
        (f"::ffff:{PROXY}", CLIENT, CLIENT),
        (PROXY, "", PROXY),
        (PROXY, "unknown", PROXY),
        (PROXY, f"{CLIENT}, _hidden, 10.1.1.1", "10.1.1.1"),
        (OTHER, CLIENT, OTHER),
        ("", CLIENT, ""),
    ],
)
def test_the_client_is_the_last_that_is_no_trusted_proxy(peer: str, forwarded: str, client: str) -> None:
    proxies = Proxies()
    proxies.set(["10.0.0.0/8"])

    assert proxies.client_of(peer, forwarded) == client


def _chat(*trusted: str) -> Chat:
    chat = Chat()
    chat.reader.configure(configuration_for(monitor_with(privacy={"trustedProxies": list(trusted)})))
    return chat


def _ask(chat: Chat, headers: str, client: str = PROXY) -> None:
    request = {"messages": [{"role": "user", "content": f"How are you? {chat.now_ns}"}]}
    chat.exchange(request, b'{"choices": []}', client=client, headers=headers.encode())


def _clients(chat: Chat) -> int:
    return chat.reader.interactions(chat.now_ns).clients.clients


def _seen(chat: Chat) -> int:
    while chat.reader.inspect():
        pass
    return _clients(chat)


def test_clients_behind_a_trusted_proxy_are_told_apart_by_what_it_says() -> None:
    chat = _chat(f"{PROXY}/32")
    for number in range(5):
        _ask(chat, f"X-Forwarded-For: 192.0.2.{number}\r\n")
        _ask(chat, f"x-forwarded-for: {OTHER}\r\nX-Forwarded-For: 192.0.2.{number}\r\n")

    assert _seen(chat) == 5
    assert chat.reader.interactions(chat.now_ns).clients.most_requests == 2
    assert chat.reader.erase("192.0.2.3", chat.now_ns)[1] > 0
    assert _clients(chat) == 4


@pytest.mark.parametrize(("trusted", "client"), [((), PROXY), ((f"{PROXY}/32",), OTHER)])
def test_whoever_else_sends_the_header_is_one_client(trusted: tuple[str, ...], client: str) -> None:
    chat = _chat(*trusted)
    for number in range(5):
        _ask(chat, f"X-Forwarded-For: 192.0.2.{number}\r\n", client=client)

    assert _seen(chat) == 1


def test_a_header_too_long_to_keep_is_read_from_its_end() -> None:
    assert len(FAR) > HEADER_VALUE_BYTES
    chat = _chat(f"{PROXY}/32")
    for number in range(5):
        _ask(chat, f"X-Forwarded-For: {FAR}{number}, {CLIENT}\r\n")

    assert _seen(chat) == 1
    assert chat.reader.erase(CLIENT, chat.now_ns)[1] > 0


def test_proxies_that_are_trusted_from_now_on_count_at_once() -> None:
    chat = _chat()
    _ask(chat, f"X-Forwarded-For: {CLIENT}\r\n")
    chat.reader.configure(configuration_for(monitor_with(privacy={"trustedProxies": [PROXY]})))
    _ask(chat, f"X-Forwarded-For: {CLIENT}\r\n")

    assert _seen(chat) == 2
