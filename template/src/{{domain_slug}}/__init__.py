"""The data project of this domain."""
