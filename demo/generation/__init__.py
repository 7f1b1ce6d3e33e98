"""Where replies come from: one `Backend` protocol, a local and a remote model."""
