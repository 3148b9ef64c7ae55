# platform-owned: changed by `copier update` only; see platform/README.md
"""``poe build``: materialise what is missing or out of date, in one process."""
