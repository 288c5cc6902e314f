"""What agents call. routes.py is the list of paths; endpoint.py serves them all."""
