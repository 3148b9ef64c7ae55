"""Measurements beside a peer, run on demand; README.md has the command of each."""
