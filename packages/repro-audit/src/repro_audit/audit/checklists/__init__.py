"""The checklists: their items, and what in a manifest may answer each.

`evidence` says what an item and its evidence are; `conditions` and `outcomes` read a manifest;
`neurips`, `icml` and `acm` hold one checklist each.
"""
