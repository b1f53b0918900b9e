"""What is wrong with one value is said at `kubectl apply`, by rules that the definition carries.

That a rule compiles, is not too costly and says what it should takes an API server. Everything is a dry run.
"""

from __future__ import annotations

from typing import Any

import pytest
from e2e import chat
from e2e.kubectl import Kubectl, Refused
from e2e.mistakes import MISTAKES, RIGHT


@pytest.mark.usefixtures("monitors")
@pytest.mark.parametrize(("spec", "words"), MISTAKES, ids=[str(spec) for spec, _ in MISTAKES])
def test_a_mistake_is_refused_in_words(namespace: Kubectl, spec: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused) as caught:
        namespace.apply(chat.monitor(**spec), dry_run=True)

    assert words in str(caught.value)


@pytest.mark.usefixtures("monitors")
@pytest.mark.parametrize("spec", RIGHT, ids=str)
def test_what_is_just_right_is_taken(namespace: Kubectl, spec: dict[str, Any]) -> None:
    namespace.apply(chat.monitor(**spec), dry_run=True)
