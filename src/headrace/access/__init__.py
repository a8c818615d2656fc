"""Access: who may see and do what: tokens with a role, grants to read, sessions of a browser, what is masked.

    tokens = Tokens(settings.home)
    token, secret = tokens.add("ada", "operator", reads=["flights/*"])   # the secret is shown once; its hash is kept
    person = tokens.person(secret)                                       # None: nobody has that token
    person.may("operator"), person.may_read("flights", ["ingest"])

This room knows no store and no page: it says yes or no.
"""

from headrace.access.masking import mask
from headrace.access.person import ROLES, Person, local_person
from headrace.access.session import Sessions
from headrace.access.tokens import Token, Tokens

__all__ = ["ROLES", "Person", "Sessions", "Token", "Tokens", "local_person", "mask"]
