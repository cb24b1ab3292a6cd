"""Answers of a version: the online service, files of any size, and what is rehearsed before a promotion.

The service knows nothing of training. `app.create_app` makes its application for any ASGI server, `server.serve_model`
starts it in this process, `client.running_service` in another one for the length of a block.
"""
