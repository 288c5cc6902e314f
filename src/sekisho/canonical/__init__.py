"""The one vocabulary inside: what a request, a reply and a stream mean, whatever dialect they came in."""
