"""The online service: it answers with the exported bundle and knows nothing of training.

`serve` starts it in this process, `running` in another one for the length of a block, `create_app` makes the
application for any ASGI server.
"""

from .app import champion, create_app, from_settings
from .child import running
from .server import serve
from .versions import Rollout

__all__ = ["Rollout", "champion", "create_app", "from_settings", "running", "serve"]
