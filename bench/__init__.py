"""Benchmarks: each row measures what a user does, beside a peer in the same run."""
