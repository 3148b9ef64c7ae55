# platform-owned: changed by `copier update` only; see platform/README.md
"""The kinds of source that an ingest file can name; each is one class behind ``ingest.source.Source``."""
