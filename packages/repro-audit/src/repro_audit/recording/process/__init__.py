"""A process that is recorded: how it starts, what it watches, how it ends."""
