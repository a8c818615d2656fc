"""Site: a project's pages: runs, data, models and endpoints, to look at and, with a role that may, to act on.

    python -m headrace.web.server PARENT      # what `headrace up` starts, on loopback, at the setting web_port

Every page is made on the server and is whole without a script; the script keeps it up to date. Every page has its data
as JSON at the same address with `.json` behind it. Nothing is loaded from anywhere else. Who may do what is said once,
in `routes.ROUTES`.

Starlette and Jinja are the extra `web`; this room alone imports them.
"""
