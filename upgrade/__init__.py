"""Brings stamped projects to this release of the template, run from the release itself: the newest code, never the old."""
