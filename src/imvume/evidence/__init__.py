"""Prove it. One append-only log per tenant that holds nothing personal, so that it never has to forget."""
