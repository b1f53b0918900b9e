"""The webhook's certificates, where cert-manager does not make them: renewed without an outage.

`authority` makes, `pem` reads and writes, `rotation` decides what comes next from what is stored and the
time, `store` carries that out on two Secrets and the `caBundle` of one MutatingWebhookConfiguration.
"""
