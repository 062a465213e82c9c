"""What does it cost customers to leave? One module a method; `answer` sets them side by side."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
