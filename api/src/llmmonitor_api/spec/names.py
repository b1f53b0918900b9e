"""Names and short texts as Kubernetes limits them, as annotated types that carry the limit into the CRD."""

from typing import Annotated, Final

from pydantic import Field

from llmmonitor_api.spec.server_rule import ServerRule

ContainerName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", min_length=1, max_length=63)]
"""A DNS label (RFC 1123), as a container's name is."""

ItemName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", min_length=1, max_length=63)]
"""The name of an entry in a list, unique within it."""

ResourceName = Annotated[
    str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", min_length=1, max_length=253)
]
"""A DNS subdomain (RFC 1123), as an object's name is."""

SecretKey = Annotated[str, Field(pattern=r"^[-._a-zA-Z0-9]+$", min_length=1, max_length=253)]
"""A key within a Secret."""

_LABEL_KEY: Final = r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
LabelKey = Annotated[str, Field(pattern=_LABEL_KEY, min_length=1, max_length=317)]
"""A label's key, with or without a prefix."""

LABEL_KEYS: Final = ServerRule(
    cel=f"self.all(key, key.matches('{_LABEL_KEY}'))",
    message="a key is no label's: give at most 63 letters, digits, '-', '_' and '.', letters or digits at "
    "both ends, after a prefix such as example.com/ if there is one",
)
"""Of a map whose keys are labels': no schema describes a map's keys."""

LabelValue = Annotated[
    str, Field(pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$", max_length=63)
]
"""A label's value; it may be empty."""

HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", min_length=1, max_length=64)]
"""An HTTP field name (RFC 9110, 5.1)."""

ModelName = Annotated[str, Field(min_length=1, max_length=256)]
"""A model's name as the engine serves it."""

Port = Annotated[int, Field(ge=1, le=65_535, strict=True)]
"""A TCP port."""

Flag = Annotated[bool, Field(strict=True)]
"""True or false, and no text that looks like it."""
