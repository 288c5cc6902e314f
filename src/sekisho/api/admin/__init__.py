"""The management API, LiteLLM's paths and fields: keys and spend. Imported when first asked for; off the data path."""
