"""Write one page about a cohort."""
