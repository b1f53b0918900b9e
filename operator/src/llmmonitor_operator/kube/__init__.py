"""The only package that talks to the Kubernetes API: raw JSON, and errors by what the caller can do."""
