"""Render an audit. A renderer decides nothing: what it shows, the outline says.

One module per format, each imported when it is asked for. Each escapes what it shows, at one place.
"""
