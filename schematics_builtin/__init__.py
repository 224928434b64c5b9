"""The built-in plugins: catalogue, labels, certificate and demo, each with its own entry point."""
