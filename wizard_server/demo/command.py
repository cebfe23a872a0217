async def demo(*, once: bool) -> int:
    """Placeholder until the demo lands."""
    raise NotImplementedError
