"""The commands of the plugin; light modules that import other modules only when they run."""
