"""Brings stamped projects to a release of the template, run from that release: the newest code, never the old."""

import os

# A hook or an alias of git tells its children which repository is meant: here that would be the unit's for every one.
_REPOSITORY = (
    "DIR WORK_TREE INDEX_FILE PREFIX COMMON_DIR OBJECT_DIRECTORY ALTERNATE_OBJECT_DIRECTORIES SHALLOW_FILE NAMESPACE"
)
# And a person may have said how git is to read, make or show one: here it is to do as it does everywhere.
_MANNER = (
    "TEMPLATE_DIR DEFAULT_HASH EXTERNAL_DIFF DIFF_OPTS REPLACE_REF_BASE GRAFT_FILE "
    "LITERAL_PATHSPECS GLOB_PATHSPECS NOGLOB_PATHSPECS ICASE_PATHSPECS"
)
for _name in f"{_REPOSITORY} {_MANNER}".split():
    os.environ.pop(f"GIT_{_name}", None)
