"""The built-in plugins: catalogue, labels, certificate, pictures and demo, each with its own entry point."""
