# platform-owned: changed by `copier update` only; see platform/README.md
"""What a domain promises of the data that it publishes, and all that follows from it."""
