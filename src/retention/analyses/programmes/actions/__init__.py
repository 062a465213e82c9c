"""What to do: what each analysis says, the ranked list, and what became of the last one."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
