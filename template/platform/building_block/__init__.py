# platform-owned: changed by `copier update` only; see platform/README.md
"""The building block: what the platform team gives to every domain's data project."""
