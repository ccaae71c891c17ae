"""Measures Roomful beside others, on this machine: `make bench`. docs/performance.md explains it."""
