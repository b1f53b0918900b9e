"""What outlasts this process: checkpoints, the signing key, and what each namespace admits."""
