"""What a sidecar answers: `/metrics`, `/v1/report`, `/healthz`, `PUT /v1/config`.

`api` holds the answers as functions of strings and bytes, `app` hangs them into aiohttp, `server` binds them
to a port with everything bounded. Where the figures come from and what a configuration changes are callables
given by the analyser.
"""
