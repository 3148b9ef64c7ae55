"""Python assets of this domain; Dagster finds them here by itself."""
