# platform-owned: changed by `copier update` only; see platform/README.md
"""No row is kept longer than its contract says: which rows are past it, how their bytes go, and who sees to it."""
