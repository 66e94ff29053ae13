"""The live market: prices and fund holdings of vendors, kept as a market directory that any week can be replayed from.

`door` opens it; `refresh` asks what is missing; `prices` and `funds` are the vendors; `keeping` decides what of an
answer is stored, and `folder` stores it.
"""
