"""Brings stamped projects to a release of the template, run from that release: the newest code, never the old."""

import os

# A hook or an alias of git tells its children which repository is meant: here that would be the unit's for every one.
for _name in ("DIR", "WORK_TREE", "INDEX_FILE", "PREFIX", "COMMON_DIR", "OBJECT_DIRECTORY", "SHALLOW_FILE"):
    os.environ.pop(f"GIT_{_name}", None)
os.environ.pop("GIT_ALTERNATE_OBJECT_DIRECTORIES", None)
