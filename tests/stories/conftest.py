"""A story is told in a real browser, the same one in which the console's own tests look."""

from web.conftest import (  # noqa: F401 -- fixtures, taken over by name
    _verify_url,
    base_url,
    browser_context_args,
    browser_type_launch_args,
)
