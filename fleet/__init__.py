"""The platform team's roll-out tool: brings a release to every registered domain, ring by ring."""
