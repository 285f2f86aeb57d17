"""A small shop: the service that the demo audits."""
