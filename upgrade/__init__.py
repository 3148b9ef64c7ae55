"""Brings stamped projects to a release of the template, run from that release: the newest code, never the old."""
