"""The admission webhook: a created pod comes in, and goes out as it is or with a sidecar. Never a refusal.

`review` reads and writes the API server's JSON, `knowledge` has what is known of a namespace at this moment,
`deciding` asks `llmmonitor_operator.admit`, `admitter` answers in time whatever happens, `served_certificate`
follows the certificate's files, `apps` hangs it into aiohttp, `run` puts it together.
"""
