"""From settings to a backend: the starter, a folder, a Hub id or a remote server, chosen by settings alone."""

from data.settings import Settings
from demo.generation.local import LocalBackend
from demo.generation.remote import RemoteBackend


def load_backend(settings: Settings) -> LocalBackend | RemoteBackend:
    """Returns at once; raises `Invalid` for a folder that cannot be served.

    The model itself is loaded in the background, at `start()` or for the first reply, which waits for it.
    """
    limits = {"concurrent": settings.concurrent_replies, "queue_limit": settings.queue_limit}
    if settings.backend_url:
        return RemoteBackend(settings.backend_url, settings.backend_model, settings.backend_api_key, **limits)
    return LocalBackend(settings.model, settings.model_revision, settings.adapter, **limits)
