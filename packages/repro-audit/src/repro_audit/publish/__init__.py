"""Carry results to a paper: manifests and traces inside a PDF."""
