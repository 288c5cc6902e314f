"""LiteLLM's config.yaml plus our own section, as one frozen tree of settings."""
