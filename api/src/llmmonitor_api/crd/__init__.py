"""The CustomResourceDefinition, generated from the models of spec and status.

`python -m llmmonitor_api.crd` writes crds/llmmonitors.llmmonitor.io.yaml, `--check` fails when that file is
stale. `schema` turns pydantic's JSON schema into a structural one, `structural` holds the API server's rules
for those and is run on every generation, `definition` puts the whole together. CEL rules are only carried
here; whether they compile and stay within the API server's cost budget is tried on a real API server by
the end-to-end tests.
"""

from llmmonitor_api.crd.definition import custom_resource_definition, render
from llmmonitor_api.crd.structural import structural_errors

__all__ = ["custom_resource_definition", "render", "structural_errors"]
