"""The built-in plugins: catalogue, labels, certificate, pictures, readers and demo, each with its own entry point."""
