"""One package a framework that Keras runs on, and what they share.

`base` says what is asked of one, `select` chooses; nothing else knows which there are.
"""
