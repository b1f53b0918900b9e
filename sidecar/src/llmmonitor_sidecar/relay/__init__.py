"""The relay: moves bytes between clients and the model, and gives the analyser copies.

It forwards first: it never parses, never waits for the analyser, and never holds more than one chunk per
direction of a connection. `flow` moves the bytes, `loop` waits for sockets and keeps time, `listener` opens
and paces accepting, `lag` judges the loop's own punctuality, `process` is what the supervisor calls in the
forked child. Why a plain epoll loop and no event-loop framework: docs/design/relay-loop.md.
"""
