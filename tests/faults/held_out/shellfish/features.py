"""What is derived from the measurements."""

import math


def volume(row):
    return row["length"] * row["diameter"] * row["height"]


def density(row):
    return row["weight"] / (volume(row) + 1e-3)


def vector(row):
    return [
        row["length"],
        row["diameter"],
        row["height"],
        row["weight"],
        math.log1p(density(row)),
    ]
