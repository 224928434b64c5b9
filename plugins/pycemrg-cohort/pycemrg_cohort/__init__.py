"""Run a recipe on a whole cohort."""
