"""HTTP routes, thin: read the request, call an action, answer."""
