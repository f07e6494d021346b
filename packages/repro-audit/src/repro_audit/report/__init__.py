"""Render an audit. A renderer decides nothing: what it shows, the audit says.

One module per format, each imported when it is asked for.
"""
