"""When the certificates that a client trusts are needed."""


def needed(url: object) -> bool:
    """``verify`` of an HTTP client: to load certificates takes 30 to 140 ms of CPU, for every client that is made."""
    return not str(url).startswith("http://")
