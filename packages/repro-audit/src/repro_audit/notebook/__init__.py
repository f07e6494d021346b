"""Notebooks as they are: run in a fresh kernel of their own, as a script is in a fresh process."""
