"""Launchers: `python -m experiments.<name>`; absl mains without logic."""
