"""Measures Promisekeeper: each figure stands beside one of something bare that ran in the same run (`make bench`).

One module a bench (lifecycle, merge, fanout, parked, recover, scale); `stage.py` is what they run on, `figures.py` what
they answer. `docs/scale.md` says how each is measured and what follows. Nothing here is part of the product, and no
test asserts a time.
"""
