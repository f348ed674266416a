"""A test that someone can take: an HTTP service whose sessions travel as signed tokens, and its page.

`create_app` of `irtbridge.adaptive.service.app` needs fastapi: ``pip install "irtbridge[serve]"``.
"""
