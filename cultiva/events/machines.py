"""Who acted, by what the request says: a machine that names itself, or nobody knows."""


def actor_of(*, user_agent: str, ip: str) -> str:
    """machine or unknown."""
    return "unknown"
