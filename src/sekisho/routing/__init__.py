"""Which deployments can serve a requested model, and in which order they are tried."""
