"""What `sekisho import litellm` does: LiteLLM's tables, read, put in our words and written beside what is here."""
