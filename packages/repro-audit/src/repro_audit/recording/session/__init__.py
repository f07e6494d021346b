"""One recording: what is seen, kept and written. Nothing here knows a framework."""
