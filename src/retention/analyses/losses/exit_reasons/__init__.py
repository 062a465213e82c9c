"""Why customers leave: what they say, what staff say, and what was seen before."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
