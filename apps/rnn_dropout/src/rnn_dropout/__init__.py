"""Reference trainer: a recurrent network with dropout and recurrent dropout."""
