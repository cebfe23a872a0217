"""What a person sees while the investigation runs: a live picture in a terminal, plain lines everywhere else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from rich.console import Console
from rich.live import Live

from wizard_server.demo.lines import Lines
from wizard_server.demo.picture import Picture
from wizard_server.demo.watched import Show, Watch

FRAME_SECONDS = 0.1


@contextlib.asynccontextmanager
async def watching(console: Console, watch: Watch, url: str) -> AsyncIterator[Show]:
    """Show every state that is given to the function; the last one stays on the screen."""
    if not console.is_terminal or console.is_dumb_terminal:
        yield Lines(console).show
        return
    picture = Picture(watch, url)
    with Live(console=console, auto_refresh=False, get_renderable=picture.render) as live:
        frames = asyncio.create_task(_frames(live))
        try:
            yield picture.show
        finally:
            frames.cancel()


async def _frames(live: Live) -> None:
    while True:
        live.refresh()
        await asyncio.sleep(FRAME_SECONDS)
