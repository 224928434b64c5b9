"""The commands; each module imports only click at the top."""
