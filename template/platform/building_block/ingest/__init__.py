# platform-owned: changed by `copier update` only; see platform/README.md
"""One YAML file a source table becomes one asset ``raw/<table>``: the file's models, its loading and its reading."""
