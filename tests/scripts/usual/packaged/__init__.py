"""A trainer that is a package: python -m packaged --epochs 2."""
