"""Effects of programmes, one module a design; `answer` puts them together."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
