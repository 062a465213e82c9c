"""``python -m retention`` is the same as ``retention``."""

from retention.cli import main

if __name__ == "__main__":
    main()
