"""What a request costs, beside nginx forwarding the same bytes in the same run. Run by `make bench`."""
