"""The commands of the plugin; each module imports only click at the top."""
